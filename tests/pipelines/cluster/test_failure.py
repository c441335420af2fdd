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

from pipelines.cluster.failure import failure_reason
from pix2pix.errors import StorageError, UserError

LOST = WorkerHealthCheckFailedError("a worker died", ray.exceptions.ActorDiedError())
CLOSED = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer")


def _failed(*errors: Exception) -> ray.train.WorkerGroupError:
    """What Ray's controller makes of these errors of workers, with their tracebacks."""
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


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ([UserError("train.batch_size: 0")] * 2, "train.batch_size: 0"),
        ([StorageError("s3://b is gone"), UserError("b")], "b; s3://b is gone"),
        ([OSError(errno.ENOSPC, "No space left")], "[Errno 28] No space left"),
        ([torch.OutOfMemoryError("CUDA out of memory")], "CUDA out of memory"),
        ([UserError("the batch"), CLOSED], f"RuntimeError: {CLOSED}; the batch"),
    ],
)
def test_what_a_person_can_mend_is_a_sentence(
    errors: list[Exception], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert failure_reason(_failed(*errors)) == reason
    assert caplog.records == []


@pytest.mark.parametrize("others", [[], [CLOSED]])
def test_a_lost_worker_is_no_defect_and_nor_is_what_the_others_see_of_it(
    others: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    assert "a worker died" in failure_reason(_failed(LOST, *others))
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
    assert "KeyError: 'epochh'" in failure_reason(_failed(*errors))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f'File "worker_{len(errors) - 1}.py"' in caplog.text


@pytest.mark.parametrize(
    "defect", [ValueError("not broadcastable"), RuntimeError("shape"), FileNotFoundError("x")]
)
def test_errors_that_no_person_can_cause_are_defects(
    defect: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    assert failure_reason(_failed(defect)) == f"{type(defect).__name__}: {defect}"
    assert "Traceback" in caplog.text


def test_a_failure_of_ray_s_controller_is_said(caplog: pytest.LogCaptureFixture) -> None:
    late = ray.train.ControllerError(WorkerGroupStartupTimeoutError(2))
    assert "timed out after" in failure_reason(late)
    assert caplog.records == []


def test_a_defect_in_the_controller_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        failed = ray.train.ControllerError(error)
    assert failure_reason(failed) == "KeyError: 'x'"
    assert "test_failure.py" in caplog.text
