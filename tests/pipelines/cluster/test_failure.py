import errno
import logging

import pytest
import ray
import ray.train
import torch
from ray.train.v2._internal.exceptions import (
    UserExceptionWithTraceback,
    WorkerGroupStartupTimeoutError,
    WorkerHealthCheckFailedError,
)
from ray.train.v2._internal.execution.worker_group.poll import (
    WorkerGroupPollStatus,
    WorkerStatus,
)

from pipelines.cluster.failure import as_user_error
from pipelines.runs.folder import open_folder
from pix2pix.errors import StorageError, UserError

RUN = open_folder("/runs") / "0123"
LOST = WorkerHealthCheckFailedError("a worker died", ray.exceptions.ActorDiedError())
CLOSED = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer")


def _failed(*errors: Exception) -> ray.train.WorkerGroupError:
    """Return the error that Ray's controller raises after these errors of workers."""
    return WorkerGroupPollStatus(
        {
            rank: WorkerStatus(
                running=False,
                error=UserExceptionWithTraceback(
                    error,
                    f'Traceback (most recent call last):\n  File "worker_{rank}.py"\n{error!r}',
                ),
            )
            for rank, error in enumerate(errors)
        }
    ).get_worker_group_error()


def _reason(error: Exception) -> str:
    """Return the cause in the message; the rest of the message is the same for all causes."""
    reason, _, last = str(as_user_error(error, RUN)).rpartition("\n")
    assert last == "The same command continues from the last checkpoint in /runs/0123"
    return reason.removeprefix("training failed: ")


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ([UserError("train.batch_size: 0")] * 2, "train.batch_size: 0"),
        ([StorageError("s3://b is gone"), UserError("b")], "b; s3://b is gone"),
        (
            [OSError(errno.ENOSPC, "No space left")],
            "[Errno 28] No space left; make room on the disk, then give the same command again",
        ),
        ([torch.OutOfMemoryError("CUDA out of memory")], "CUDA out of memory"),
        ([UserError("the batch"), CLOSED], f"RuntimeError: {CLOSED}; the batch"),
    ],
)
def test_a_cause_that_a_user_can_remove_is_one_sentence_without_a_traceback(
    errors: list[Exception], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert _reason(_failed(*errors)) == reason
    assert caplog.records == []


@pytest.mark.parametrize("others", [[], [CLOSED]])
def test_a_lost_worker_and_the_errors_it_causes_in_others_are_no_defects(
    others: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    assert "a worker died" in _reason(_failed(LOST, *others))
    assert caplog.records == []


@pytest.mark.parametrize(
    "errors",
    [
        [KeyError("epochh")],
        [UserError("the batch"), KeyError("epochh")],
        [LOST, KeyError("epochh")],
        [CLOSED, KeyError("epochh")],
    ],
)
def test_a_defect_keeps_its_traceback(
    errors: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    assert "KeyError: 'epochh'" in _reason(_failed(*errors))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f'File "worker_{len(errors) - 1}.py"' in caplog.text


@pytest.mark.parametrize(
    "defect", [ValueError("not broadcastable"), RuntimeError("shape"), FileNotFoundError("x")]
)
def test_errors_that_no_user_can_cause_are_defects(
    defect: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert _reason(_failed(defect)) == f"{type(defect).__name__}: {defect}"
    assert "Traceback" in caplog.text


def test_a_failure_of_ray_s_controller_is_in_the_message(caplog: pytest.LogCaptureFixture) -> None:
    late = ray.train.ControllerError(WorkerGroupStartupTimeoutError(2))
    assert "timed out after" in _reason(late)
    assert caplog.records == []


def test_a_defect_in_the_controller_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        failed = ray.train.ControllerError(error)
    assert _reason(failed) == "KeyError: 'x'"
    assert "test_failure.py" in caplog.text


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([OSError(errno.ENOSPC, "No space left")], StorageError),
        ([StorageError("s3://b is gone")] * 2, StorageError),
        ([StorageError("s3://b is gone"), UserError("the batch")], UserError),
        ([StorageError("s3://b is gone"), KeyError("epochh")], UserError),
        ([LOST], UserError),
    ],
)
def test_only_failures_of_the_storage_may_pass(
    errors: list[Exception], kind: type[Exception]
) -> None:
    assert type(as_user_error(_failed(*errors), RUN)) is kind


def test_an_error_of_the_driver_is_in_the_message_if_a_user_can_remove_it() -> None:
    assert _reason(UserError("more workers than there is room for")) == (
        "more workers than there is room for"
    )
    assert as_user_error(KeyError("x"), RUN) is None
