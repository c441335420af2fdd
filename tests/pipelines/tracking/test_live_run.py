"""A training that MLflow follows: each point once, whatever happens to either."""

import dataclasses
import pickle
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.tracking import reconciler
from pipelines.tracking.completion import complete_run
from pipelines.tracking.connection import connected
from pix2pix.config import Params
from tests.support.followed_run import TIMED, Live, count_reads, points, recorded, the_run
from tests.support.tracked_project import (
    HISTORY,
    everything,
    history_points,
    new_database,
    write_project,
)
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("soon_again")


def undisturbed(folder: Path, live: Live) -> dict[str, object]:
    """All that a run holds to which nothing happened, but for the time at which it ended."""
    uri = new_database(folder)
    with live(uri) as run:
        run.update(TIMED)
    return everything(uri, the_run(uri).info.run_id) | {"times": None}


def all_but_times(uri: str) -> dict[str, object]:
    return everything(uri, the_run(uri).info.run_id) | {"times": None}


def test_a_followed_run_holds_each_point_once_at_its_own_time(uri: str, live: Live) -> None:
    with live(uri) as run:
        run.update(TIMED)
    assert points(uri) == history_points(TIMED)
    assert the_run(uri).info.status == "FINISHED"


def test_points_of_a_new_run_are_read_only_at_the_end(
    uri: str, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read at each epoch, they would be more and more."""
    read = count_reads(monkeypatch)
    with live(uri) as run:
        for num_epochs in range(1, len(TIMED) + 1):
            run.update(TIMED[:num_epochs])
            until(recorded(uri, num_epochs))
    assert sorted(read) == sorted(history_points(TIMED))
    assert points(uri) == history_points(TIMED)


@pytest.mark.timeout(60)
def test_what_was_logged_before_mlflow_was_there_is_sent_without_another_epoch(
    tmp_path: Path, live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"sqlite:///{tmp_path}/late/mlflow.db"
    run = live(uri)
    run.update(TIMED[:3])
    until(lambda: caplog.records)
    new_database(tmp_path / "late")
    until(recorded(uri, 3))
    run.update(TIMED)
    run.close()
    assert all_but_times(uri) == undisturbed(tmp_path / "undisturbed", live)
    lost, back = [record.message for record in caplog.records if record.name == reconciler.__name__]
    assert f"{uri} cannot be used" in lost
    assert "Training goes on." in lost
    assert back == f"MLflow at {uri} is back and has what it lacked"


def test_a_training_continued_after_it_was_killed_leaves_the_history_of_one_never_killed(
    tmp_path: Path, uri: str, live: Live
) -> None:
    """The first process gets to epoch 2, its checkpoint is of epoch 1; MLflow has no epoch 1."""
    killed = live(uri)  # killed: never closed
    killed.update([TIMED[0], TIMED[2]])
    until(recorded(uri, 2))
    with live(uri) as continued:
        continued.update(TIMED[:2])
        assert the_run(uri).info.status == "RUNNING"
        again = TIMED[2] | {"time_s": TIMED[2]["time_s"] + 60, "perf/epoch_s": 99.0}
        continued.update([*TIMED[:2], again, TIMED[3]])
    assert points(uri) == history_points(TIMED)
    assert all_but_times(uri) == undisturbed(tmp_path / "undisturbed", live)


def test_completing_keeps_the_clock_of_an_epoch_that_was_trained_again(
    tmp_path: Path, uri: str, live: Live
) -> None:
    first = HISTORY[1] | {"time_s": HISTORY[1]["time_s"] - 60}
    with live(uri) as run:
        run.update([first])
    project = write_project(tmp_path / "project")
    with connected(uri) as client:
        complete_run(client, project, experiment="pix2pix")
    history = [HISTORY[0], first, *HISTORY[2:]]
    held = {key: held for key, held in points(uri).items() if not key.startswith("test/")}
    assert held == history_points(history)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_two_processes_that_follow_the_same_training_leave_one_run_with_each_point_once(
    tmp_path: Path, live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"sqlite:///{tmp_path}/late/mlflow.db"
    runs = [live(uri) for _ in range(2)]
    for run in runs:
        run.update(TIMED)
    until(lambda: len(caplog.records) == 2)
    new_database(tmp_path / "late")  # now both make the run at the same time
    for run in runs:
        run.close()
    assert all_but_times(uri) == undisturbed(tmp_path / "undisturbed", live)


def test_a_run_deleted_while_it_is_followed_is_made_again(uri: str, live: Live) -> None:
    run = live(uri)
    run.update(TIMED[:2])
    until(recorded(uri, 2))
    MlflowClient(uri).delete_run(the_run(uri).info.run_id)
    run.update(TIMED[:3])
    until(recorded(uri, 3))
    run.close()
    assert points(uri) == history_points(TIMED[:3])


def test_a_continued_training_on_other_machines_keeps_its_first_parameters(
    uri: str, live: Live, default_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    with live(uri) as run:
        run.update(HISTORY[:1])
    held = everything(uri, the_run(uri).info.run_id)
    train = dataclasses.replace(default_params.train, device="cpu", loader_workers=7)
    with live(uri, dataclasses.replace(default_params, train=train)) as run:
        run.update(HISTORY[:1])
    assert everything(uri, the_run(uri).info.run_id) | {"times": held["times"]} == held
    assert [record.message for record in caplog.records] == [
        f"MLflow run {the_run(uri).info.run_id} keeps its first train.device"
    ]


def test_a_live_run_can_be_sent_to_a_worker(uri: str, live: Live) -> None:
    with pickle.loads(pickle.dumps(live(uri))) as run:
        run.update(TIMED)
    assert points(uri) == history_points(TIMED)
