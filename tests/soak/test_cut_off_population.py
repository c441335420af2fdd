"""A population cut off in the middle of an exchange ends where an undisturbed one ends."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.runs.dataset import DatasetSource
from pipelines.tuning.study_log import StudyLog
from pix2pix.config import Params
from pix2pix.tuning.trials import Trial
from tests.support.small_study import POPULATION, results, run, small_study

pytestmark = [pytest.mark.soak, pytest.mark.ray]


@pytest.fixture(scope="module")
def params(small_params: Params) -> Params:
    return small_study(small_params, **POPULATION)


@pytest.fixture(scope="module")
def undisturbed(
    cluster: None, params: Params, pairs: DatasetSource, tmp_path_factory: pytest.TempPathFactory
) -> list[Trial]:
    """What the small population gives when nothing happens to it."""
    return run(params, pairs, tmp_path_factory.mktemp("undisturbed")).search


class CutOffError(Exception):
    """As if the process were gone."""


@pytest.mark.parametrize("number", [0, 3])
def test_cut_off_in_an_exchange_it_ends_where_an_undisturbed_one_ends(
    undisturbed: list[Trial],
    params: Params,
    pairs: DatasetSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    """The state is copied, and nothing of it noted: with the first or the last exchange."""
    noted, note = 0, StudyLog.exchange

    def cut_off(self: StudyLog, *args: Any, **options: Any) -> None:
        nonlocal noted
        if noted == number:
            raise CutOffError
        noted += 1
        note(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(StudyLog, "exchange", cut_off)
        with pytest.raises(CutOffError):
            run(params, pairs, tmp_path)
    found = run(params, pairs, tmp_path).search
    assert results(found) == results(undisturbed)
    assert [trial.exchanges for trial in found] == [trial.exchanges for trial in undisturbed]
