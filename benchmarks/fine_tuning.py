"""Whether a fine-tuned model beats one from scratch on 40 aerial pairs, at equal steps.

The pairs are those of the published data set `maps`, aerial photograph to map. Both arms have the
same 40 pairs (33 to train on, 7 to choose the epoch), steps, seeds and parameters; only
`train.init_from` differs. Two parents are tried: one trained on the other pairs of the training
folder, one on drawn facades. All are scored on the pairs of the folder `val`, which no training and
no parent has seen.

    python -m benchmarks.fine_tuning --maps ../shared/datasets/maps \
        --out benchmarks/results/fine-tuning.json --write docs/finetuning.md
"""

import argparse
import json
import logging
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks.fine_tuning_arms import mean_target_l1, scores_by_epoch, train_parent
from benchmarks.markdown import table, write_sections
from benchmarks.worker_group import processor
from benchmarks.workload import preset
from pix2pix.config import Params
from pix2pix.data.prepared import open_split
from pix2pix.evaluation.image_groups import single_images
from pix2pix.evaluation.intervals import Interval, bootstrap_mean
from pix2pix.files import write_text
from pix2pix.models.transfer import ParentNetworks
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from pix2pix.tuning.seed_band import gain

_NUM_PAIRS = 40
_EPOCHS = (5, 25, 100)  # after which the arms are compared
_SCRATCH = "from scratch"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """An arm after so many epochs, and by how much its test L1 is lower than from scratch."""

    arm: str
    steps: int
    l1: tuple[float, ...]  # by seed
    gain: float
    over_seeds: tuple[float, float]  # 95 % interval of the gain: of other seeds
    over_images: tuple[float | None, float | None]  # of other test images


def compare(maps_dir: Path, folder: Path, *, num_seeds: int) -> tuple[list[Comparison], float]:
    """Train and score all arms; `folder` takes the data sets.

    The second result is the test L1 of the mean of the training maps.
    """
    params = _params()
    few, rest, drawn = _prepared_sets(maps_dir, folder, params)
    parents = {
        "from other maps": train_parent(params, rest),
        "from drawn facades": train_parent(params, drawn),
    }
    arms: dict[str, ParentNetworks | None] = {_SCRATCH: None, **parents}
    scores = {
        (name, seed): scores_by_epoch(params, few, parent=parent, seed=seed, epochs=_EPOCHS)
        for seed in range(num_seeds)
        for name, parent in arms.items()
    }
    num_steps = len(open_split(few, "train").pair_ids) // params.train.batch_size
    comparisons = [
        _compared(
            name,
            epoch * num_steps,
            {
                arm: np.stack([scores[arm, seed][epoch] for seed in range(num_seeds)])
                for arm in (_SCRATCH, name)
            },
        )
        for epoch in _EPOCHS
        for name in arms
    ]
    return comparisons, mean_target_l1(few)


def _params() -> Params:
    """Small networks, aerial photographs to maps, the published learning rate throughout."""
    params = preset("default")
    data = params.data
    return replace(
        params,
        data=replace(
            data,
            name="maps",
            side_a=replace(data.side_a, kind="image"),
            image_size=64,
            load_size=72,
            dev_fraction=0.2,
        ),
        model=replace(params.model, base_channels=16, discriminator_channels=16),
        train=replace(
            params.train,
            batch_size=4,
            num_epochs=_EPOCHS[-1],
            num_decay_epochs=0,
            sample_every_epochs=_EPOCHS[-1],
            num_samples=1,
            precision="float32",
        ),
    )


def _prepared_sets(maps_dir: Path, folder: Path, params: Params) -> tuple[Path, Path, Path]:
    """Prepare the 40 pairs with the test pairs, the other pairs, and drawn facades."""
    paths = sorted((maps_dir / "train").iterdir())
    random = np.random.default_rng(0)
    chosen = {int(index) for index in random.choice(len(paths), _NUM_PAIRS, replace=False)}
    tests = [*(maps_dir / "val").iterdir()]
    few = _copied(folder / "few", train=[paths[index] for index in sorted(chosen)], test=tests)
    others = [path for index, path in enumerate(paths) if index not in chosen]
    # A set needs test pairs; those of a parent are never looked at.
    rest = _copied(folder / "rest", train=others[:-8], test=others[-8:])
    write_synthetic(folder / "drawn", params.data.synthetic)
    prepared = []
    for raw in (few, rest, folder / "drawn"):
        prepared.append(folder / f"prepared-{raw.name}")
        prepare_pairs(raw, prepared[-1], params.data, num_workers=1)
    return prepared[0], prepared[1], prepared[2]


def _copied(folder: Path, **splits: list[Path]) -> Path:
    for name, paths in splits.items():
        (folder / name).mkdir(parents=True)
        for path in paths:
            shutil.copyfile(path, folder / name / path.name)
    return folder


def _compared(arm: str, steps: int, l1: Mapping[str, np.ndarray]) -> Comparison:
    """Compare an arm with the one from scratch; `l1` is (seeds, images) by arm."""
    scratch, own = l1[_SCRATCH], l1[arm]
    by_seed = gain(scratch.mean(axis=1).tolist(), own.mean(axis=1).tolist())
    gains = (scratch - own).mean(axis=0)
    by_image: Interval = bootstrap_mean(
        gains, num_resamples=10_000, confidence=0.95, seed=0, groups=single_images(len(gains))
    )
    return Comparison(
        arm=arm,
        steps=steps,
        l1=tuple(own.mean(axis=1).tolist()),
        gain=by_seed.mean,
        over_seeds=(by_seed.low, by_seed.high),
        over_images=(by_image.low, by_image.high),
    )


def section(comparisons: list[Comparison], mean_l1: float) -> str:
    """The table of the document, and the L1 of the mean target."""
    rows = [
        [
            f"{each.arm}, {each.steps} steps",
            f"{np.mean(each.l1):.4f}",
            "" if each.arm == _SCRATCH else f"{each.gain:+.4f}",
            "" if each.arm == _SCRATCH else "{:+.4f} to {:+.4f}".format(*each.over_seeds),
            "" if each.arm == _SCRATCH else "{:+.4f} to {:+.4f}".format(*each.over_images),
        ]
        for each in comparisons
    ]
    head = ["model", "test L1", "gain", "95 %, other seeds", "95 %, other images"]
    mean_target = f"The mean of the training maps has a test L1 of {mean_l1:.4f}.\n"
    return f"{table(head, rows)}\n{mean_target}"


def main() -> None:
    """Compare, write a JSON file, and on request the table into a document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        comparisons, mean_l1 = compare(options.maps, Path(folder), num_seeds=options.seeds)
    found = {
        "where": f"{processor()}; torch {torch.__version__}; {date.today()}",
        "seeds": options.seeds,
        "mean_target_l1": mean_l1,
        "comparisons": [asdict(each) for each in comparisons],
    }
    write_text(options.out, json.dumps(found, indent=2) + "\n")
    if options.write is not None:
        sections = {"fine-tuning": section(comparisons, mean_l1)}
        write_sections(options.write, sections)


if __name__ == "__main__":
    main()
