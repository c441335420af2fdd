"""What Ray Tune, reports and checkpoints add to trials of a minute.

A random search, one trial at a time; then the same trainings as bare loops, each in a process of
its own, whose start is not counted: the start of the search is.

    python -m benchmarks.tuning_overhead --out benchmarks/results/tuning-overhead.json
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.tuning import prepared_dataset, search_params
from benchmarks.workload import in_fresh_process, preset, train_bare, with_length
from pipelines.cluster.placement import connect
from pipelines.runs.folder import open_folder
from pipelines.tuning.placement import place_trials
from pipelines.tuning.study import run_study
from pipelines.tuning.trial import TrialJob
from pix2pix.config import Params
from pix2pix.files import write_text
from pix2pix.tuning.space import trial_params
from pix2pix.tuning.trials import Trial


def search_s(params: Params, folder: Path) -> tuple[float, list[Trial]]:
    """How long a study takes, from its first trial's start to its last one's end."""
    with tempfile.TemporaryDirectory() as study_folder:
        study = open_folder(study_folder)
        job = TrialJob(params=params, dataset=prepared_dataset(folder, params), study=study)
        placement = place_trials(params.tune)
        started_s = time.perf_counter()
        found = run_study(job, placement)
        return time.perf_counter() - started_s, found.search


def bare_s(params: Params, prepared_dir: Path) -> float:
    """How long the training of a trial takes as a bare loop."""
    started_s = time.perf_counter()
    train_bare(params, prepared_dir, num_threads=params.tune.cpus_per_worker)
    return time.perf_counter() - started_s


def main() -> None:
    """Measure both, write a JSON file and a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=34)
    parser.add_argument("--pairs", type=int, default=480)
    options = parser.parse_args()
    changes = {"num_trials": options.trials, "num_epochs": options.epochs}
    drawn = with_length(preset("smoke"), num_train=options.pairs, num_epochs=options.epochs)
    params = search_params(drawn, sampler="random", scheduler="none", **changes)
    connect(None)
    with tempfile.TemporaryDirectory() as folder:
        elapsed_s, trials = search_s(params, Path(folder))
        alone_s = [
            in_fresh_process(bare_s, trial_params(params, trial.values), Path(folder, "prepared"))
            for trial in trials
        ]
    share = elapsed_s / sum(alone_s) - 1
    found = {"search_s": elapsed_s, "bare_s": alone_s, "overhead_share": share}
    write_text(options.out, json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main()
