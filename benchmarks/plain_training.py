"""The smallest programs of Ray Train and Tune: what `benchmarks.startup` compares trainings with.

    python -m benchmarks.plain_training --workers 2 --trials 4

Each worker makes one step of one convolution and says so. Without `--trials` one training runs.
With it, so many trials run one after another, and each starts workers of its own, as the
documentation of Ray shows it.
"""

import argparse
import logging
import tempfile

import ray
import torch
from ray import train, tune
from ray.train.torch import TorchTrainer

FIRST_STEP = "first step"
TRIAL_ENDS = "end of a trial"


def _step() -> None:
    network = torch.nn.Conv2d(3, 3, kernel_size=3)
    network(torch.zeros(1, 3, 8, 8)).sum().backward()
    print(FIRST_STEP, flush=True)  # noqa: T201  Ray brings it to the driver
    train.report({"loss": 0.0})


def _fit(storage_path: str, num_workers: int) -> None:
    TorchTrainer(
        _step,
        scaling_config=train.ScalingConfig(
            num_workers=num_workers,
            resources_per_worker={"CPU": 1 / num_workers},  # a trial takes the other of two cores
        ),
        run_config=train.RunConfig(storage_path=storage_path),
    ).fit()


def main() -> None:
    """Run the training or the trials that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--trials", type=int, help="run so many trials in place of one training")
    options = parser.parse_args()

    def trial(_config: dict[str, object]) -> None:
        _fit(storage_path, options.workers)
        print(TRIAL_ENDS, flush=True)  # noqa: T201

    with tempfile.TemporaryDirectory() as storage_path:
        ray.init("local", include_dashboard=False, logging_level=logging.WARNING)
        if options.trials is None:
            _fit(storage_path, options.workers)
        else:
            tune.Tuner(
                trial,
                tune_config=tune.TuneConfig(num_samples=options.trials, max_concurrent_trials=1),
                run_config=tune.RunConfig(storage_path=storage_path),
            ).fit()


if __name__ == "__main__":
    main()
