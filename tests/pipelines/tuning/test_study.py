"""Studies on a real local Ray: stopping early, going on, lost processes, no test split."""

import dataclasses
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from pipelines.runs.dataset import DatasetSource
from pipelines.tuning.placement import TrialPlacement, choose_trial_placement
from pipelines.tuning.report import StudyResult
from pix2pix.config import Params, TuneConfig
from tests.support.small_study import Listener, ray_process, results, run, small_study
from tests.support.small_training import small_dataset


@pytest.fixture(scope="module")
def params(small_params: Params) -> Params:
    return small_study(small_params)


@pytest.fixture(scope="module")
def dataset(params: Params, tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    """Prepared pairs whose test split cannot be read."""
    dataset = small_dataset(params, tmp_path_factory.mktemp("data"))
    shutil.rmtree(dataset.prepared_dir / "test")
    return dataset


def _tune(params: Params, **changes: Any) -> TuneConfig:
    return dataclasses.replace(params.tune, **changes)


@pytest.mark.parametrize(
    ("nodes", "change", "expected"),
    [
        ([{"CPU": 8.0}], {"cpus_per_worker": 3}, ({"cpu": 3, "gpu": 0}, 2)),
        ([{"CPU": 2.0}] * 3, {"cpus_per_worker": 2}, ({"cpu": 2, "gpu": 0}, 3)),
        ([{"CPU": 8.0}], {"max_concurrent_trials": 3}, ({"cpu": 1, "gpu": 0}, 3)),
        ([{"CPU": 8.0, "GPU": 1.0}], {"gpus_per_worker": 0.5}, ({"cpu": 1, "gpu": 0.5}, 2)),
        ([{"CPU": 4.0}, {"CPU": 4.0}], {"num_workers": 3}, ({"memory": 2**20}, 2)),
    ],
)
def test_as_many_trials_run_as_there_is_room_for(
    params: Params, nodes: list[dict[str, float]], change: dict[str, Any], expected: Any
) -> None:
    config = _tune(params, **{"max_concurrent_trials": None, "gpus_per_worker": 0} | change)
    assert choose_trial_placement(config, nodes) == TrialPlacement(*expected)


@pytest.mark.parametrize(
    "change",
    [{"cpus_per_worker": 3}, {"num_workers": 3}, {"gpus_per_worker": 1.0}],
)
def test_a_cluster_that_cannot_hold_one_trial_is_refused_at_once(
    params: Params, change: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"tune.num_workers: . with .* does not fit on the 1 node"):
        choose_trial_placement(_tune(params, **change), [{"CPU": 2.0}])


@pytest.fixture(scope="module")
def undisturbed(
    cluster: None, params: Params, dataset: DatasetSource, tmp_path_factory: pytest.TempPathFactory
) -> StudyResult:
    """What the small study gives when nothing happens to it."""
    return run(params, dataset, tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.ray
def test_a_study_needs_no_test_split_and_keeps_the_lowest_dev_l1(
    undisturbed: StudyResult, dataset: DatasetSource
) -> None:
    assert not (dataset.prepared_dir / "test").exists()
    trials = undisturbed.search
    assert [trial.status for trial in trials] == ["finished"] * 3
    assert [[record["epoch"] for record in trial.history] for trial in trials] == [[0, 1, 2, 3]] * 3
    assert len({str(trial.values) for trial in trials}) == 3
    lowest = [min(record["dev/l1"] for record in trial.history[1:]) for trial in trials]
    assert undisturbed.front == [trials[lowest.index(min(lowest))]]


@pytest.mark.ray
def test_a_lost_trial_goes_on_from_its_checkpoint_and_one_lost_too_often_fails_alone(
    undisturbed: StudyResult, params: Params, dataset: DatasetSource, tmp_path: Path
) -> None:
    """SIGKILL of the process: after the first trial's first epoch, after each of the second's."""
    again = dataclasses.replace(params, train=dataclasses.replace(params.train, max_failures=1))
    killed: list[tuple[int, int]] = []

    def kill(number: int, epoch: int) -> None:
        if (number, epoch) in ((0, 1), (1, 1), (1, 2)) and (number, epoch) not in killed:
            killed.append((number, epoch))
            os.kill(ray_process("ImplicitFunc").pid, signal.SIGKILL)

    lost, failed, untouched = run(again, dataset, tmp_path, [Listener(kill)]).search
    assert killed == [(0, 1), (1, 1), (1, 2)]
    assert results([lost, untouched]) == results([undisturbed.search[0], undisturbed.search[2]])
    assert failed.status == "failed"
    assert "died" in (failed.reason or "") or "lost" in (failed.reason or ""), failed.reason


@pytest.mark.ray
def test_trials_that_fall_behind_are_stopped_and_stay_stopped(
    cluster: None, small_params: Params, dataset: DatasetSource, tmp_path: Path
) -> None:
    asha = {"scheduler": "asha", "grace_epochs": 1, "reduction_factor": 2.0}
    params = small_study(small_params, num_trials=4, num_seeds=2, **asha)
    found = run(params, dataset, tmp_path)
    stopped = [trial for trial in found.search if trial.status == "stopped"]
    assert stopped
    assert all(0 < trial.num_epochs < 3 for trial in stopped)
    assert all("ASHA: behind the others" in (trial.reason or "") for trial in stopped)
    assert [(trial.purpose, trial.seed) for trial in found.repeats] == [
        ("default", 1),
        ("winner", 1),
        ("default", 2),
        ("winner", 2),
    ]
    assert found.gain is not None
    last = {trial.number: trial for trial in found.repeats}
    assert found.gain.winner == (
        min(record["dev/l1"] for record in last[5].history[1:]),
        min(record["dev/l1"] for record in last[7].history[1:]),
    )
    reported = {path: path.read_text() for path in tmp_path.rglob("result.json")}
    again = run(params, dataset, tmp_path)
    assert reported == {path: path.read_text() for path in reported}  # nothing ran
    assert results(again.search + again.repeats) == results(found.search + found.repeats)


@pytest.mark.ray
def test_a_trial_that_cannot_be_trained_fails_alone(
    cluster: None, small_params: Params, dataset: DatasetSource, tmp_path: Path
) -> None:
    wild = {"key": "train.lambda_l1", "kind": "choice", "values": [1e300, 100.0]}
    params = small_study(small_params, space=[wild], num_trials=4, num_epochs=1)
    found = run(params, dataset, tmp_path)
    for trial in found.search:
        is_wild = trial.values["train.lambda_l1"] == 1e300
        assert trial.status == ("failed" if is_wild else "finished")
        assert ("non-finite loss in step 0" in (trial.reason or "")) == is_wild
    assert {trial.status for trial in found.search} == {"failed", "finished"}


@pytest.mark.ray
def test_a_pair_of_scores_is_measured_on_the_dev_split(
    cluster: None, small_params: Params, tmp_path: Path
) -> None:
    mapping = dataclasses.replace(small_params.data, dev_fraction=0.3)
    params = small_study(
        dataclasses.replace(small_params, data=mapping),
        objective="l1_and_frechet",
        num_trials=2,
        num_epochs=1,
    )
    dataset = small_dataset(params, tmp_path / "data")
    found = run(params, dataset, tmp_path / "study")
    scores = [trial.history[-1]["dev/frechet"] for trial in found.search]
    assert len(set(scores)) == 2
    assert min(scores) > 0
    assert 1 <= len(found.front) <= 2
