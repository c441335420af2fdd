import dataclasses
import logging
import pickle
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from pipelines.tracking import connection, live_run, reconciler
from pipelines.tracking.completion import complete_run
from pipelines.tracking.connection import connected
from pipelines.tracking.live_run import LiveRun, mark_ended
from pix2pix.config import Params
from tests.support.mlflow_process import closed_port
from tests.support.tracked_project import (
    HISTORY,
    STARTED_S,
    described,
    everything,
    history_points,
    metric_points,
    new_database,
    write_project,
    write_samples,
)
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("soon_again")

Live = Callable[..., LiveRun]

TIMED = [line | {"perf/epoch_s": 3.0 + line["epoch"]} for line in HISTORY]


@pytest.fixture
def live(tmp_path: Path, default_params: Params) -> Live:
    samples = write_samples(tmp_path / "samples")

    def live(uri: str, params: Params = default_params) -> LiveRun:
        return LiveRun(uri, described(params), samples=samples)

    return live


def the_run(uri: str) -> Run:
    """The only run."""
    client = MlflowClient(uri)
    [run] = client.search_runs([client.get_experiment_by_name("pix2pix").experiment_id])
    return run


def points(uri: str) -> dict[str, list[tuple[int, float, int]]]:
    return metric_points(uri, the_run(uri).info.run_id)


def undisturbed(folder: Path, live: Live) -> dict[str, object]:
    """All that a run holds to which nothing happened, but for the time at which it ended."""
    uri = new_database(folder)
    with live(uri) as run:
        run.update(TIMED)
    return everything(uri, the_run(uri).info.run_id) | {"times": None}


def all_but_times(uri: str) -> dict[str, object]:
    return everything(uri, the_run(uri).info.run_id) | {"times": None}


def recorded(uri: str, num_epochs: int) -> Callable[[], bool]:
    def is_recorded() -> bool:
        client = MlflowClient(uri)
        found = client.get_experiment_by_name("pix2pix")
        runs = client.search_runs([found.experiment_id]) if found else []
        held = [client.get_metric_history(run.info.run_id, "dev/l1") for run in runs]
        return [len(history) for history in held] == [num_epochs]

    return is_recorded


def test_a_followed_run_holds_each_point_once_at_its_own_time(uri: str, live: Live) -> None:
    with live(uri) as run:
        run.update(TIMED)
    assert points(uri) == history_points(TIMED)
    assert the_run(uri).info.status == "FINISHED"


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


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (None, "FINISHED"),
        (FloatingPointError, "FAILED"),
        (KeyboardInterrupt, "KILLED"),
        (SystemExit, "KILLED"),
    ],
)
def test_the_status_says_how_the_training_ended_and_that_it_goes_on(
    raised: type[BaseException] | None, status: str, uri: str, live: Live
) -> None:
    def train() -> None:
        with live(uri) as run:
            run.update(HISTORY[:1])
            if raised is not None:
                raise raised

    if raised is None:
        train()
    else:
        with pytest.raises(raised):
            train()
    assert the_run(uri).info.status == status
    with live(uri) as continued:
        continued.update(HISTORY[:2])
        until(recorded(uri, 2))
        assert the_run(uri).info.status == "RUNNING"


def test_an_interrupted_training_is_a_killed_run_although_it_ends_in_order(
    uri: str, live: Live
) -> None:
    with live(uri) as run:
        run.update(HISTORY[:1])
        run.interrupt()
    assert the_run(uri).info.status == "KILLED"


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_the_driver_ends_the_run_of_a_worker_that_is_gone(
    status: str, uri: str, live: Live, default_params: Params
) -> None:
    run = live(uri)
    run.update(TIMED[:3])  # gone: never closed
    until(recorded(uri, 3))
    mark_ended(uri, described(default_params), status=status)
    info = the_run(uri).info
    assert (info.status, info.end_time > STARTED_S * 1000) == (status, True)
    mark_ended(uri, described(default_params), status=status)
    assert the_run(uri).info.end_time == info.end_time  # the first to say so knows when it was
    run.update(TIMED)  # or still there after all
    until(recorded(uri, 4))
    assert the_run(uri).info.status == status
    assert points(uri) == history_points(TIMED)


def test_the_driver_makes_no_run_in_order_to_end_it(
    uri: str, live: Live, default_params: Params
) -> None:
    mark_ended(uri, described(default_params), status="FAILED")
    assert MlflowClient(uri).get_experiment_by_name("pix2pix") is None
    with live(uri) as other:
        other.update(HISTORY[:1])
    mark_ended(uri, described(default_params, run_key="another"), status="FAILED")
    assert the_run(uri).info.status == "FINISHED"


def test_a_driver_is_told_once_that_mlflow_is_down(
    default_params: Params, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_run, "_CLOSE_S", 0.5)
    uri = f"http://127.0.0.1:{closed_port()}"
    mark_ended(uri, described(default_params), status="FAILED")
    [record] = caplog.records
    assert record.message.startswith(f"MLflow at {uri} cannot be used")
    assert record.message.endswith("MLflow may not say that the training has ended: FAILED.")
    assert record.exc_info is None


@pytest.mark.timeout(60)
def test_neither_training_nor_driver_waits_for_a_server_that_never_answers(
    live: Live,
    default_params: Params,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor, as here, for one that took the connection when it was asked whether it is there."""
    monkeypatch.setattr(live_run, "_CLOSE_S", 0.2)
    monkeypatch.setattr(connection, "reach", lambda uri: None)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # this test leaves no threads behind
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        uri = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with live(uri) as run:
            run.update(TIMED)
        mark_ended(uri, described(default_params), status="FAILED")
    slow, unmarked = [record.message for record in caplog.records]
    assert slow.startswith(f"MLflow at {uri} is slow\nTraining goes on.")
    assert unmarked.startswith(f"MLflow at {uri} is slow\nMLflow may not say")


def test_a_server_that_is_down_until_the_end_is_one_warning(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_run, "_CLOSE_S", 0.5)
    uri = f"http://127.0.0.1:{closed_port()}"
    with caplog.at_level(logging.INFO), live(uri) as run:
        for num_epochs in range(1, len(TIMED) + 1):
            run.update(TIMED[:num_epochs])
    [warning] = caplog.records
    assert uri in warning.message


def test_a_deleted_experiment_is_a_warning_and_training_goes_on(
    uri: str,
    live: Live,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = MlflowClient(uri)
    experiment_id = client.create_experiment("pix2pix")
    client.delete_experiment(experiment_id)
    run = live(uri)
    run.update(TIMED)
    until(lambda: caplog.records)
    assert "mlflow experiments restore" in caplog.text
    client.restore_experiment(experiment_id)
    run.close()
    assert points(uri) == history_points(TIMED)


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
