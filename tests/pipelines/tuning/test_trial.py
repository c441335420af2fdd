"""What a trial does in its own process."""

import dataclasses
from pathlib import Path

import pytest
import torch

from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import open_folder
from pipelines.tuning.experiments import repeat_seeds
from pipelines.tuning.placement import choose_trial_placement
from pipelines.tuning.trial import own_device
from pipelines.tuning.trial_training import train_trial
from pix2pix.config import Params, parse_params
from pix2pix.tuning.space import trial_params


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize("gpus", [0.0, 1.0])
def test_a_trial_uses_a_gpu_only_if_its_own_process_has_asked_for_one(
    default_params: Params, num_workers: int, gpus: float
) -> None:
    tune = dataclasses.replace(
        default_params.tune, num_workers=num_workers, cpus_per_worker=1, gpus_per_worker=gpus
    )
    asked = choose_trial_placement(tune, [{"CPU": 4, "GPU": 2}]).resources.get("gpu", 0)
    device = own_device(dataclasses.replace(default_params, tune=tune))
    assert (device.type == "cuda") == (asked > 0)


def test_the_repeats_of_the_last_seed_have_seeds_that_a_training_accepts(
    default_params: Params,
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["train"]["seed"] = 2**32 - 2
    mapping["tune"]["num_seeds"] = 3
    params = parse_params(mapping)
    seeds = repeat_seeds(params)
    assert seeds == [2**32 - 1, 0, 1]
    assert [trial_params(params, {}, seed=seed).train.seed for seed in seeds] == seeds


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_trial_uses_deterministic_kernels_where_it_is_asked_to(
    training: Params, pairs: DatasetSource, tmp_path: Path, deterministic: bool
) -> None:
    config = dataclasses.replace(
        training.train, deterministic=deterministic, checkpoint_every_steps=None
    )
    seen: list[bool] = []
    train_trial(
        dataclasses.replace(training, train=config),
        pairs.prepared_dir,
        run=open_folder(str(tmp_path)),
        device=torch.device("cpu"),
        parent=None,
        checkpoint=None,
        report=lambda _state: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    assert seen == [deterministic] * (config.total_epochs + 1)
