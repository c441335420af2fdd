"""What a study keeps on disk, and which trials follow from it."""

from pathlib import Path

import pytest

from pipelines.runs.folder import open_folder
from pipelines.tuning.plan import num_left, repeat_parts, repeat_seeds, search_parts
from pipelines.tuning.sampler import Sampler
from pipelines.tuning.study_log import StudyLog, read_trials, trial_folder
from pix2pix.config import Params
from pix2pix.tuning.trials import Trial
from tests.support.small_study import small_study

L1 = {"dev/l1": 0.5, "train/loss_d": 0.7, "config": {"number": 0}, "pid": 1}


@pytest.fixture
def params(small_params: Params) -> Params:
    return small_study(small_params, num_trials=3, num_seeds=2)


def _log(folder: Path) -> tuple[StudyLog, list[Trial]]:
    heard: list[Trial] = []
    return StudyLog(open_folder(str(folder)), heard.append), heard


def test_every_change_is_on_disk_when_it_is_told(tmp_path: Path) -> None:
    log, heard = _log(tmp_path)
    trial = log.begin(purpose="search", seed=0, values={"train.beta1": 0.5})
    log.epoch(trial.number, L1 | {"epoch": 1, "time_s": 5.0})
    log.end(trial.number, "stopped", "behind")
    assert [each.status for each in heard] == ["running", "running", "stopped"]
    assert heard[-1] == log.trial(0) == read_trials(open_folder(str(tmp_path)))[0]
    record = {"epoch": 1, "time_s": 5.0, "dev/l1": 0.5, "train/loss_d": 0.7}
    assert heard[-1].history == (record,)


def test_an_epoch_that_comes_again_stays_as_it_was_and_may_be_completed(tmp_path: Path) -> None:
    log, heard = _log(tmp_path)
    log.begin(purpose="search", seed=0, values={})
    log.epoch(0, L1 | {"epoch": 1, "time_s": 5.0})
    log.epoch(0, L1 | {"epoch": 1, "time_s": 9.0})
    assert len(heard) == 2
    log.epoch(0, {"epoch": 1, "dev/l1": 0.4, "dev/frechet": 30.0})
    (record,) = log.trial(0).history
    assert (record["time_s"], record["dev/l1"], record["dev/frechet"]) == (5.0, 0.5, 30.0)


def test_a_trial_that_ended_leaves_no_checkpoints(tmp_path: Path) -> None:
    log, _ = _log(tmp_path)
    log.begin(purpose="search", seed=0, values={})
    folder = trial_folder(open_folder(str(tmp_path)), 0)
    (folder / "checkpoints").write("one", b"")
    (folder / "samples").write("two", b"")
    log.end(0, "finished")
    assert folder.names() == ["samples"]


def test_a_study_goes_on_with_the_trials_that_were_cut_off(tmp_path: Path, params: Params) -> None:
    sampler = Sampler(params.tune, first_epoch=1)
    log, _ = _log(tmp_path)
    parts = search_parts(log, sampler, params)
    first = [next(parts), next(parts)]
    log.end(0, "finished")
    again, _ = _log(tmp_path)
    assert num_left(again, params) == 2
    left = list(search_parts(again, sampler, params))
    assert [part.trial.number for part in left] == [1, 2]
    assert left[0] == first[1]
    assert [part.trial.seed for part in left] == [params.train.seed] * 2
    assert [part.until for part in left] == [3, 3]


def test_repetitions_have_other_seeds_than_the_search_and_are_not_repeated(
    tmp_path: Path, params: Params
) -> None:
    log, _ = _log(tmp_path)
    points = {"default": {"train.beta1": 0.5}, "winner": {"train.beta1": 0.9}}
    parts = list(repeat_parts(log, points, params))
    assert [(part.trial.purpose, part.trial.seed) for part in parts] == [
        ("default", 1),
        ("winner", 1),
        ("default", 2),
        ("winner", 2),
    ]
    assert params.train.seed not in repeat_seeds(params)
    log.end(1, "finished")
    again, _ = _log(tmp_path)
    assert [part.trial.number for part in repeat_parts(again, points, params)] == [0, 2, 3]
