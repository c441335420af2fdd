"""The pairs that a version was trained on, so that later scores on them are seen to be too good.

They are one artifact of the run that trained the version, written when the version is registered:
the hash of the content of each pair. Names would not do: data that are prepared anew, with other
splits or from another folder, hold the same pairs under other names or in other splits.
"""

from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.registry.lookup import label
from pipelines.tracking.described_run import DATA_HASH_TAG
from pipelines.tracking.run_file import read_run_json
from pix2pix.data.manifest import Manifest
from pix2pix.data.splits import Split

PAIRS_PATH = Path("provenance/pairs.json")  # among the artifacts of the run

_SPLITS: tuple[Split, ...] = ("train", "dev")  # one gave the weights, the other chose among them


def log_pairs(client: MlflowClient, run_id: str, manifest: Manifest, *, data_hash: str) -> None:
    """Write the artifact of a training on the data `data_hash`, unless the run has it.

    Other data than those of `manifest` cannot be listed any more.
    """
    if manifest.data_hash != data_hash or read_run_json(client, run_id, PAIRS_PATH) is not None:
        return
    hashes: dict[str, list[str]] = {
        split: list(manifest.splits[split].content_hashes) for split in _SPLITS
    }
    client.log_dict(run_id, {"data_hash": data_hash, **hashes}, PAIRS_PATH.as_posix())


def leak(
    client: MlflowClient, version: ModelVersion, manifest: Manifest, split: Split
) -> str | None:
    """Say that the version knows pairs of `split`, which is to score it; None if it knows none.

    If that cannot be known of a test, this is said. The dev pairs by which an epoch was chosen are
    unseen pairs for another comparison on dev, but not for a test.
    """
    if version.tags.get(DATA_HASH_TAG) == manifest.data_hash:
        return None  # `prepare` lets no pair into two splits
    pairs = read_run_json(client, str(version.run_id), PAIRS_PATH)
    if pairs is None and split == "dev":
        return None  # a comparison decides all the same
    if pairs is None:
        return (
            f"whether {label(version)} was trained on some of these {split} pairs is not known: "
            f"its MLflow run has no {PAIRS_PATH.as_posix()}"
        )
    scored = manifest.splits[split].content_hashes
    uses = {"trained on": "train"} | ({"chosen by": "dev"} if split == "test" else {})
    known = {use: len(set(pairs[of]) & set(scored)) for use, of in uses.items()}
    if not any(known.values()):
        return None
    return (
        f"{label(version)} was {' and '.join(f'{use} {num}' for use, num in known.items() if num)} "
        f"of these {len(scored)} {split} pairs, so its scores are too good; score it on data whose "
        f"{split} split has none of the pairs of its training"
    )
