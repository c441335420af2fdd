"""What is tried again and when, and what a person is told."""

import threading
import time
from itertools import pairwise

import pytest

from pipelines.tracking import reconciler
from pipelines.tracking.reconciler import Reconciler
from pix2pix.errors import UserError

URI = "http://mlflow"
PATIENCE_S = 20  # nothing here takes as long


class _Reconciliation:
    """Raises what it is given, one at each call (None: succeeds), and succeeds afterwards."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors, self.times_s = list(errors), list[float]()
        self.calls = threading.Semaphore(0)
        self.reconciler = Reconciler(self.reconcile, uri=URI, meanwhile="Work goes on.")

    def reconcile(self) -> None:
        self.times_s.append(time.monotonic())
        error = self.errors.pop(0) if self.errors else None
        self.calls.release()
        if error is not None:
            raise error

    def wait_for_calls(self, number: int) -> None:
        for _ in range(number):
            assert self.calls.acquire(timeout=PATIENCE_S)


def test_an_outage_is_tried_again_more_and_more_rarely_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reconciler, "_MIN_PAUSE_S", 0.05)
    monkeypatch.setattr(reconciler, "_MAX_PAUSE_S", 0.2)
    work = _Reconciliation(*[ConnectionError("gone")] * 5)
    work.reconciler.wake()
    work.wait_for_calls(6)
    pauses_s = [after - before for before, after in pairwise(work.times_s)]
    least_s = [0.05, 0.1, 0.2, 0.2, 0.2]
    assert all(pause >= least for pause, least in zip(pauses_s, least_s, strict=True))
    assert work.reconciler.close(PATIENCE_S)
    assert [record.message for record in caplog.records] == [
        "gone\nWork goes on.",
        f"MLflow at {URI} is back and has what it lacked",
    ]


@pytest.mark.parametrize("error", [UserError("a name"), KeyError("a defect")])
def test_another_error_is_tried_again_only_where_there_is_a_reason(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "_MIN_PAUSE_S", 0.0)
    work = _Reconciliation(error, error, error)
    for _ in range(2):
        work.reconciler.wake()
        work.wait_for_calls(1)
    assert not work.calls.acquire(timeout=0.2)
    assert not work.reconciler.close(PATIENCE_S)
    assert len(work.times_s) == 3
    [record] = caplog.records
    assert "Work goes on." in record.message
    assert (record.exc_info is not None) == isinstance(error, KeyError)


def test_closing_ends_the_pause_after_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MIN_PAUSE_S", "_MAX_PAUSE_S"):
        monkeypatch.setattr(reconciler, name, 100 * PATIENCE_S)
    work = _Reconciliation(ConnectionError("gone"))
    work.reconciler.wake()
    work.wait_for_calls(1)
    assert work.reconciler.close(PATIENCE_S)
    assert len(work.times_s) == 2


@pytest.mark.parametrize("error", [None, KeyError("a defect")])
def test_only_the_last_call_says_whether_all_is_there(error: Exception | None) -> None:
    work = _Reconciliation(None, error)
    work.reconciler.wake()
    work.wait_for_calls(1)
    assert work.reconciler.close(PATIENCE_S) == (error is None)
    assert len(work.times_s) == 2
