"""Trials that are trained by a group of workers each."""

import dataclasses
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from pipelines.runs.dataset import DatasetSource
from pix2pix.config import Params
from tests.support.small_study import Listener, ray_process, run, small_study
from tests.support.small_training import small_dataset

pytestmark = [pytest.mark.soak, pytest.mark.ray, pytest.mark.timeout(3600)]


def test_a_trial_of_two_workers_gives_what_one_of_one_gives(
    cluster: None, small_params: Params, pairs: DatasetSource, tmp_path: Path
) -> None:
    """Even if one of the two is lost on the way."""
    (alone,) = run(small_study(small_params, num_trials=1), pairs, tmp_path / "alone").search
    params = small_study(small_params, num_workers=2, num_trials=1)
    params = dataclasses.replace(params, train=dataclasses.replace(params.train, max_failures=1))
    killed: list[int] = []

    def kill_a_worker(_number: int, epoch: int) -> None:
        if not killed and epoch == 1:
            killed.append(ray_process("RayTrainWorker").pid)
            os.kill(killed[0], signal.SIGKILL)

    (found,) = run(params, pairs, tmp_path / "two", [Listener(kill_a_worker)]).search
    assert len(killed) == 1
    assert (found.status, found.values) == ("finished", alone.values)
    expected = [record["dev/l1"] for record in alone.history]
    np.testing.assert_allclose([record["dev/l1"] for record in found.history], expected, atol=1e-3)


def test_kernel_distances_are_measured_on_the_dev_split(
    cluster: None, small_params: Params, tmp_path: Path
) -> None:
    data = dataclasses.replace(small_params.data, dev_fraction=0.3)
    params = small_study(
        dataclasses.replace(small_params, data=data),
        objective="l1_and_kid",
        num_trials=2,
        num_epochs=1,
    )
    found = run(params, small_dataset(params, tmp_path / "data"), tmp_path / "study")
    scores = [trial.history[-1]["dev/kid"] for trial in found.search]
    assert len(set(scores)) == 2  # KID is unbiased, and may fall below zero
    assert 1 <= len(found.front) <= 2
