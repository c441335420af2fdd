"""What a search with ASHA and Optuna saves over random search.

Both search the same space on the drawn pairs of the smoke preset. Random search trains every trial
to its end; the other may use as many trials. Counted are optimiser steps, until the best dev L1 of
a finished trial is as low as the lowest of the random search of the same seed.

    python -m benchmarks.tuning --out benchmarks/results/tuning.json
"""

import argparse
import json
import math
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.workload import prepare, preset
from pipelines.cluster.placement import connect
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import open_folder
from pipelines.tuning.placement import place_trials
from pipelines.tuning.study import run_study
from pipelines.tuning.trial import TrialJob
from pix2pix.config import Params, parse_params
from pix2pix.data.manifest import load_manifest
from pix2pix.files import write_text
from pix2pix.tuning.space import first_kept_epoch
from pix2pix.tuning.trials import Trial, best_l1

_NUM_PAIRS = 48
_OTHER_DRAWS = 1000
_SPACE = [
    {"key": "train.learning_rate", "kind": "loguniform", "low": 1e-5, "high": 1e-1},
    {"key": "train.lambda_l1", "kind": "loguniform", "low": 1.0, "high": 1000.0},
    {"key": "train.beta1", "kind": "uniform", "low": 0.0, "high": 0.95},
    {"key": "model.dropout", "kind": "quantised", "low": 0.0, "high": 0.75, "step": 0.25},
    {"key": "model.norm", "kind": "choice", "values": ["batch", "instance", "none"]},
]
_RANDOM = {"sampler": "random", "scheduler": "none"}
_ASHA = {"sampler": "optuna", "scheduler": "asha"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What a search came to."""

    num_epochs: int  # over all trials
    best_l1: float
    epochs_to_target: int | None  # until it was as good as the random search; None: it never was


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Both searches with one seed."""

    seed: int
    random: Search
    asha: Search

    @property
    def share(self) -> float | None:
        """Of the steps of the random search that the other needed to be as good.

        All its steps count, not those until its best trial: a second random search of the same
        size finds as good a trial with probability 1/2, so its median share is 1.
        """
        needed = self.asha.epochs_to_target
        return None if needed is None else needed / self.random.num_epochs


def search_params(params: Params, **changes: Any) -> Params:
    """A study on these parameters, one trial at a time: then steps and time are in one order."""
    mapping = asdict(params)
    few = {"max_concurrent_trials": 1, "num_seeds": 0, "gpus_per_worker": 0.0, "grace_epochs": 1}
    mapping["tune"] |= {"space": _SPACE, **few, **changes}
    return parse_params(mapping)


def run_search(params: Params, dataset: DatasetSource, *, target: float | None) -> Search:
    """Run a study; `target` None takes its own best."""
    with tempfile.TemporaryDirectory() as folder:
        study = open_folder(folder)
        job = TrialJob(params=params, dataset=dataset, study=study)
        found = run_study(job, place_trials(params.tune))
    return summary(found.search, params, target=target)


def summary(trials: list[Trial], params: Params, *, target: float | None) -> Search:
    """Count epochs in the order in which the trials ran."""
    first_epoch = first_kept_epoch(params)
    finished = [
        (trial, l1)
        for trial in trials
        if trial.status == "finished"
        and (l1 := best_l1(trial, first_epoch=first_epoch)) is not None
    ]
    wanted = min(l1 for _, l1 in finished) if target is None else target
    reached = [trial.number for trial, l1 in finished if l1 <= wanted]
    return Search(
        num_epochs=sum(trial.num_epochs for trial in trials),
        best_l1=min(l1 for _, l1 in finished),
        epochs_to_target=sum(t.num_epochs for t in trials if t.number <= min(reached))
        if reached
        else None,
    )


def compare(seed: int, dataset: DatasetSource, params: Params) -> Comparison:
    """Random search, and the other, which must be as good."""
    drawn = run_search(search_params(params, seed=seed, **_RANDOM), dataset, target=None)
    # Else its first trials would be those of the random search.
    params = search_params(params, seed=seed + _OTHER_DRAWS, **_ASHA)
    found = run_search(params, dataset, target=drawn.best_l1)
    return Comparison(seed=seed, random=drawn, asha=found)


def main() -> None:
    """Compare over seeds, write a JSON file and a line per seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=27)
    parser.add_argument("--epochs", type=int, default=9)
    options = parser.parse_args()
    params = preset("smoke")
    synthetic = replace(params.data.synthetic, num_train=_NUM_PAIRS)
    params = replace(params, data=replace(params.data, synthetic=synthetic, dev_fraction=0.25))
    params = search_params(params, num_trials=options.trials, num_epochs=options.epochs)
    connect(None)
    with tempfile.TemporaryDirectory() as folder:
        dataset = prepared_dataset(Path(folder), params)
        comparisons = []
        for seed in range(options.seeds):
            comparisons.append(compare(seed, dataset, params))
            _write(options.out, comparisons)
            sys.stdout.write(f"seed {seed}: {comparisons[-1]}\n")


def prepared_dataset(folder: Path, params: Params) -> DatasetSource:
    """The drawn pairs, as trials ask for them."""
    prepared_dir = prepare(folder, params)
    data_hash = load_manifest(prepared_dir).data_hash
    return DatasetSource(prepared_dir=prepared_dir, data_hash=data_hash, shared_copy=None)


def _write(path: Path, comparisons: list[Comparison]) -> None:
    # A search that never was as good counts as the worst.
    shares = [math.inf if each.share is None else each.share for each in comparisons]
    found = {
        "comparisons": [asdict(each) | {"share": each.share} for each in comparisons],
        "median_share": middle if math.isfinite(middle := median(shares)) else None,
        "num_reached": sum(map(math.isfinite, shares)),
    }
    write_text(path, json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
