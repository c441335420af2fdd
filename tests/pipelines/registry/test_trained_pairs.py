"""A version that was trained on pairs of the split that scores it: found by their contents."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.commands.evaluate import evaluate
from pipelines.registry.lookup import find_version
from pipelines.registry.trained_pairs import leak, log_pairs
from pipelines.tracking.described_run import DATA_HASH_TAG
from pix2pix.config import load_params
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.registered_project import (
    MODEL,
    PREPARED,
    REPORTS,
    put_version,
    register_model,
    train,
    write_workspace,
)


def with_contents(manifest: Manifest, split: str, contents: tuple[str, ...]) -> Manifest:
    """Other data, whose pairs of `split` have these contents and names of their own."""
    names = tuple(f"new/{number}" for number in range(len(contents)))
    record = dataclasses.replace(
        manifest.splits[split], pair_ids=names, content_hashes=contents, hash="0" * 64
    )
    splits = {**manifest.splits, split: record}
    return dataclasses.replace(manifest, splits=splits, data_hash="1" * 64)


def test_shared_pairs_are_counted_by_what_the_training_used_them_for(
    workspace: Path, uri: str
) -> None:
    client, manifest = MlflowClient(uri), load_manifest(PREPARED)
    run_id = put_version(client).run_id
    client.set_model_version_tag(MODEL, "1", DATA_HASH_TAG, manifest.data_hash)
    version = find_version(client, MODEL)
    used = {split: manifest.splits[split].content_hashes for split in ("train", "dev", "test")}
    new = tuple(f"{number:064x}" for number in range(3))
    assert leak(client, version, manifest, "test") is None  # no pair is in two splits

    unseen = with_contents(manifest, "test", used["test"] + new)
    said = leak(client, version, unseen, "test")
    assert said is not None
    assert said.endswith("is not known: its MLflow run has no provenance/pairs.json")
    assert leak(client, version, with_contents(manifest, "dev", new), "dev") is None

    log_pairs(client, run_id, unseen, data_hash=manifest.data_hash)  # of other data: not written
    assert leak(client, version, unseen, "test") == said
    log_pairs(client, run_id, manifest, data_hash=manifest.data_hash)
    assert leak(client, version, unseen, "test") is None

    both = with_contents(manifest, "test", used["train"][:2] + used["dev"][:1] + new)
    assert leak(client, version, both, "test") == (
        f"{MODEL} version 1 was trained on 2 and chosen by 1 of these 6 test pairs, so its scores "
        "are too good; score it on data whose test split has none of the pairs of its training"
    )
    dev = with_contents(manifest, "dev", used["dev"] + new)
    assert leak(client, version, dev, "dev") is None  # as each comparison of versions
    dev = with_contents(manifest, "dev", used["train"][:1] + new)
    assert "was trained on 1 of these 4 dev pairs" in str(leak(client, version, dev, "dev"))


@pytest.mark.slow
def test_scores_on_pairs_of_the_training_have_a_warning(
    workspace: Path, datasets: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(0)
    register_model()
    raw = tmp_path / "swapped" / "raw"
    shutil.copytree(datasets[0] / "raw/train", raw / "test")
    shutil.copytree(datasets[0] / "raw/test", raw / "train")
    prepare_pairs(raw, tmp_path / "swapped" / PREPARED, load_params().data, num_workers=1)
    monkeypatch.chdir(write_workspace(tmp_path / "third", tmp_path / "swapped"))

    evaluate(model=f"{MODEL}/1")

    [warning, *_] = json.loads((REPORTS / "evaluation/metrics.json").read_text())["warnings"]
    assert warning.startswith(f"{MODEL} version 1 was trained on ")
    assert " of these 7 test pairs" in warning
    assert "warning: " in (REPORTS / "evaluation/metrics.txt").read_text()
