"""How a followed run says that its training goes on or has ended."""

import pytest
from mlflow import MlflowClient

from pipelines.tracking import live_run
from pipelines.tracking.live_run import mark_ended
from pix2pix.config import Params
from tests.support.followed_run import TIMED, Live, points, recorded, the_run
from tests.support.mlflow_process import closed_port
from tests.support.tracked_project import (
    HISTORY,
    STARTED_S,
    described,
    history_points,
)
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("soon_again")


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
