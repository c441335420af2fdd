"""Populations on a real local Ray: the worse trials go on exactly from the better ones' states."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch

from pipelines.entrypoint import InterruptionError
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import open_folder
from pipelines.tuning.trial_training import train_trial
from pix2pix.config import Params
from pix2pix.tuning.space import trial_params
from pix2pix.tuning.trials import Trial
from tests.support.small_study import POPULATION, Listener, run, small_study
from tests.support.small_training import steady

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def params(small_params: Params) -> Params:
    return small_study(small_params, **POPULATION)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("population")


@pytest.fixture(scope="module")
def copies_before() -> set[Path]:
    """What Ray's copies of checkpoints have left behind before these tests."""
    return _copies_of_checkpoints()


@pytest.fixture(scope="module")
def trials(
    copies_before: set[Path], cluster: None, params: Params, pairs: DatasetSource, folder: Path
) -> list[Trial]:
    return run(params, pairs, folder).search


def _copies_of_checkpoints() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("checkpoint_tmp_*"))


def _l1(trial: Trial, epoch: int) -> float:
    return trial.history[epoch]["dev/l1"]


def _parents(trials: list[Trial], epoch: int) -> dict[int, int]:
    """From whom each trial goes on after that epoch."""
    return {
        trial.number: exchange.parent
        for trial in trials
        for exchange in trial.exchanges
        if exchange.epoch == epoch
    }


def test_after_each_interval_the_worse_half_goes_on_from_the_better(trials: list[Trial]) -> None:
    assert [trial.status for trial in trials] == ["finished"] * 4
    for trial in trials:
        assert [record["epoch"] for record in trial.history] == [0, 1, 2, 3, 4, 5, 6]
    for epoch in (2, 4):
        ranked = sorted(range(4), key=lambda number: _l1(trials[number], epoch))
        parents = _parents(trials, epoch)
        assert set(parents) == set(ranked[2:])
        assert set(parents.values()) <= set(ranked[:2])


def test_a_trial_goes_on_from_the_whole_state_of_the_other(
    trials: list[Trial],
    params: Params,
    pairs: DatasetSource,
    folder: Path,
    tmp_path: Path,
    one_thread: None,
) -> None:
    """Training on by hand from the parent's checkpoint, with the new values, gives the same.

    Bit for bit. Of the two exchanges the checkpoints of the last one are still there.
    """
    parents = _parents(trials, 4)
    assert len(parents) == 2
    for number, parent in parents.items():
        trial = trials[number]
        checkpoint = sorted((folder / "search" / f"trial_{parent:04d}").glob("checkpoint_*"))[-1]
        histories: list[Mapping[str, float]] = []
        train_trial(
            trial_params(params, trial.values, seed=trial.seed),
            pairs.prepared_dir,
            run=open_folder(str(tmp_path / str(number))),
            device=torch.device("cpu"),
            checkpoint=open_folder(str(checkpoint)),
            parent=None,
            report=lambda state, histories=histories: histories.append(state.history[-1]),
        )
        assert [*map(_noted, histories)] == [*map(_noted, trial.history[5:])]


def test_trials_that_go_on_leave_no_copies_of_checkpoints(
    trials: list[Trial], copies_before: set[Path]
) -> None:
    assert any(trial.exchanges for trial in trials)
    assert _copies_of_checkpoints() <= copies_before


def _noted(record: Mapping[str, float]) -> dict[str, float]:
    """What the study notes of an epoch, without what the clock says."""
    return {key: value for key, value in steady(dict(record)).items() if key != "step"}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As a trial has: sums in another number of threads are sums in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_population_that_was_stopped_goes_on_from_its_checkpoints(
    cluster: None, small_params: Params, pairs: DatasetSource, tmp_path: Path
) -> None:
    params = small_study(small_params, **POPULATION | {"num_trials": 2})
    stopped: list[tuple[int, float]] = []  # the trial, and when

    def stop(number: int, epoch: int) -> None:
        if epoch == 3 and not stopped:
            stopped.append((number, time.time()))
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(InterruptionError, match="the same command continues the study"):
        run(params, pairs, tmp_path, [Listener(stop)])
    found = run(params, pairs, tmp_path).search
    assert [trial.status for trial in found] == ["finished"] * 2
    for trial in found:
        epochs = [record["epoch"] for record in trial.history]
        # One that had come to epoch 2 may copy the state of another that had come to epoch 4.
        assert epochs == sorted(set(epochs))
        assert (epochs[:3], epochs[-1]) == ([0, 1, 2], 6)
    [(number, stopped_s)] = stopped
    assert max(record["time_s"] for record in found[number].history[:3]) < stopped_s
