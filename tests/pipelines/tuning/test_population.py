"""Populations on a real local Ray: states change hands exactly, whatever is cut off."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.runs.checkpoints import checkpoints
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.state import CHECKPOINTS_FOLDER
from pipelines.tuning.study_log import trial_folder
from pipelines.tuning.trial_training import train_trial
from pix2pix.config import Params
from pix2pix.tuning.space import trial_params
from pix2pix.tuning.trials import Trial
from tests.support.small_study import POPULATION, run, small_study, study_folder
from tests.support.small_training import steady

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def params(small_params: Params) -> Params:
    return small_study(small_params, **POPULATION)


class Witness:
    """Keeps the checkpoint that each exchange has left in the folder of the trial."""

    def __init__(self, study: Folder, kept: Path) -> None:
        self._study, self._kept = study, kept
        self._num_seen: dict[int, int] = {}
        self.folders: dict[tuple[int, int], Folder] = {}  # by trial and epoch

    def __call__(self, trial: Trial) -> None:
        if len(trial.exchanges) == self._num_seen.get(trial.number, 0):
            return
        self._num_seen[trial.number] = len(trial.exchanges)
        epoch = trial.exchanges[-1].epoch
        place = open_folder(str(self._kept / f"trial_{trial.number}_epoch_{epoch}"))
        source = trial_folder(self._study, trial.number) / CHECKPOINTS_FOLDER
        (name,) = checkpoints(source)
        (place / CHECKPOINTS_FOLDER).write(str(name), source.read(str(name)))
        self.folders[trial.number, epoch] = place


@pytest.fixture(scope="module")
def undisturbed(
    cluster: None, params: Params, pairs: DatasetSource, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Trial], Witness]:
    """What the small population gives when nothing happens to it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    witness = Witness(study_folder(folder), tmp_path_factory.mktemp("kept"))
    return run(params, pairs, folder, listen=witness).search, witness


def _l1(trial: Trial, epoch: int) -> float:
    return trial.history[epoch]["dev/l1"]


def test_after_each_part_the_worse_half_goes_on_from_the_better(
    undisturbed: tuple[list[Trial], Witness],
) -> None:
    trials, _ = undisturbed
    assert [trial.status for trial in trials] == ["finished"] * 4
    for trial in trials:
        assert [record["epoch"] for record in trial.history] == [0, 1, 2, 3, 4, 5, 6]
    for epoch in (2, 4):
        changed = {
            trial.number: exchange.parent
            for trial in trials
            for exchange in trial.exchanges
            if exchange.epoch == epoch
        }
        ranked = sorted(range(4), key=lambda number: _l1(trials[number], epoch))
        assert set(changed) == set(ranked[2:])
        assert set(changed.values()) <= set(ranked[:2])


def test_what_changes_hands_is_the_whole_state(
    undisturbed: tuple[list[Trial], Witness],
    params: Params,
    pairs: DatasetSource,
    one_thread: None,
) -> None:
    """Going on from it by hand, with the new values, gives what the trial gave; bit for bit."""
    trials, witness = undisturbed
    assert len(witness.folders) == 4
    for (number, epoch), folder in witness.folders.items():
        trial = trials[number]
        values = _values_after(trial, epoch)
        assert values != _values_before(trial, epoch)
        records: list[Mapping[str, float]] = []
        train_trial(
            trial_params(params, values, seed=trial.seed, until=epoch + 2),
            pairs.prepared_dir,
            run=folder,
            device=torch.device("cpu"),
            report=records.append,
        )
        found = [_noted(record) for record in records]
        given = [_noted(record) for record in trial.history]
        assert found[epoch + 1 :] == given[epoch + 1 : epoch + 3]
        assert found[epoch]["dev/l1"] == _l1(trials[_parent(trial, epoch)], epoch)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As a trial has: sums in another number of threads are sums in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _noted(record: Mapping[str, float]) -> dict[str, float]:
    """What the study notes of an epoch, without what the clock says."""
    return {key: value for key, value in steady(dict(record)).items() if key != "step"}


def _values_before(trial: Trial, epoch: int) -> Mapping[str, Any]:
    return next(each.before for each in trial.exchanges if each.epoch == epoch)


def _values_after(trial: Trial, epoch: int) -> Mapping[str, Any]:
    later = [each.before for each in trial.exchanges if each.epoch > epoch]
    return later[0] if later else trial.values


def _parent(trial: Trial, epoch: int) -> int:
    return next(each.parent for each in trial.exchanges if each.epoch == epoch)
