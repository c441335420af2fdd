"""What a person is told when MLflow cannot be followed, and how runs end."""

import logging
import socket
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from pipelines.runs.folder import Folder, open_folder
from pipelines.tracking import connection, live_run, reconciler
from pipelines.tracking.live_run import LiveRun, mark_ended
from pipelines.tracking.run import MlflowRun
from pix2pix.config import Params
from tests.support.followed_run import TIMED, Live, points
from tests.support.mlflow_process import closed_port
from tests.support.tracked_project import (
    HISTORY,
    described,
    history_points,
    new_database,
)
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("soon_again")


@pytest.fixture
def samples(tmp_path: Path) -> Folder:
    return open_folder(str(tmp_path / "samples"))


def _status(uri: str) -> str:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("pix2pix")
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    return ", ".join(run.info.status for run in runs)


def test_a_defect_is_logged_once_with_its_traceback_and_not_called_slow(
    tmp_path: Path,
    samples: Folder,
    default_params: Params,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("no such thing")

    monkeypatch.setattr(MlflowRun, "log_records", fail)
    run = LiveRun(new_database(tmp_path), described(default_params), samples=samples)
    run.update(HISTORY[:1])
    until(lambda: caplog.records)
    run.update(HISTORY[:2])
    run.close()
    [record] = [record for record in caplog.records if record.name == reconciler.__name__]
    assert "KeyError: 'no such thing'" in record.message
    assert "slow" not in record.message
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)


def test_a_full_disk_under_mlflow_passes(
    tmp_path: Path,
    samples: Folder,
    default_params: Params,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    uri = new_database(tmp_path)
    real, attempts = MlflowRun.set_status, list[str]()

    def full_twice(run: MlflowRun, status: Any, **options: Any) -> None:
        if status == "FINISHED":
            attempts.append(status)
            if len(attempts) < 3:
                raise OSError(28, "No space left on device")
        real(run, status, **options)

    monkeypatch.setattr(MlflowRun, "set_status", full_twice)
    with LiveRun(uri, described(default_params), samples=samples) as run:
        run.update(HISTORY[:1])
    assert (_status(uri), len(attempts)) == ("FINISHED", 3)
    lost, back = [record.message for record in caplog.records]
    assert "No space left" in lost
    assert "is back" in back


def test_a_run_that_was_left_running_is_ended_by_the_next_start(
    tmp_path: Path, samples: Folder, default_params: Params
) -> None:
    uri = new_database(tmp_path)
    left = LiveRun(uri, described(default_params), samples=samples)  # killed: never closed
    left.update(HISTORY[:1])
    until(lambda: _status(uri) == "RUNNING")
    with LiveRun(uri, described(default_params), samples=samples) as again:
        again.update(HISTORY[:1])
    assert _status(uri) == "FINISHED"


def test_the_driver_names_why_it_could_not_tell(
    tmp_path: Path,
    samples: Folder,
    default_params: Params,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    uri = new_database(tmp_path)
    with LiveRun(uri, described(default_params), samples=samples) as run:
        run.update(HISTORY[:1])

    def fail(_: Any) -> str:
        raise KeyError("no such thing")

    monkeypatch.setattr(MlflowRun, "status", fail)
    mark_ended(uri, described(default_params), status="FAILED")
    [record] = caplog.records
    assert "may not say that the training has ended: FAILED" in record.message
    assert "no such thing" in record.message
    assert record.exc_info is not None


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
