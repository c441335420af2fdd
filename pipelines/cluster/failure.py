"""Why a training under Ray failed: one sentence, and for a defect of the code its traceback."""

import logging

import ray
import ray.train
import torch
from ray.train.v2._internal.exceptions import (
    WorkerHealthCheckFailedError,
    WorkerHealthCheckTimeoutError,
)

from pipelines.entrypoint import can_be_mended, may_pass, with_remedy
from pipelines.runs.folder import Folder
from pix2pix.errors import StorageError, UserError

# A worker whose process or node is gone; there is no public name for the first two.
_LOST = (
    WorkerHealthCheckFailedError,
    WorkerHealthCheckTimeoutError,
    ray.exceptions.RayError,
)

logger = logging.getLogger(__name__)


def as_user_error(error: Exception, run: Folder) -> UserError | StorageError | None:
    """Turn the failure of the training in the folder `run` into an error for the user.

    The error names each cause once; the traceback of a defect is logged. It is a StorageError if
    the same command may succeed later, for example after a full disk. Returns None if `error` does
    not come from the training.
    """
    causes = _causes(error)
    if not causes:
        return None
    kind = StorageError if all(map(may_pass, causes)) else UserError
    return kind(
        f"training failed: {_reason(error, causes)}\nThe same command continues from the last "
        f"checkpoint in {run}"
    )


def _reason(error: Exception, causes: list[Exception]) -> str:
    if any(map(_is_defect, causes)) and not _is_consequence(causes):
        # The text of Ray's error contains the tracebacks of the workers.
        logger.error("a defect in the training:", exc_info=error)
    return "; ".join(sorted({_describe(cause) for cause in causes}))


def _causes(error: Exception) -> list[Exception]:
    """Return the errors of the workers, or that of Ray's controller; empty for other errors."""
    if isinstance(error, ray.train.WorkerGroupError):
        return list(error.worker_failures.values())
    if isinstance(error, ray.train.ControllerError):
        return [error.controller_failure]
    return [error] if isinstance(error, ray.train.TrainingFailedError | UserError) else []


def _is_defect(cause: Exception) -> bool:
    """Return whether only a change of the code would remove the cause."""
    if isinstance(cause, _LOST) or _is_of_ray_train(cause):
        return False
    if isinstance(cause, torch.OutOfMemoryError | MemoryError):
        return False  # a smaller batch may remove the cause as well
    return not (isinstance(cause, UserError | OSError) and can_be_mended(cause))


def _is_consequence(causes: list[Exception]) -> bool:
    """Return whether the end of another worker explains all errors that look like defects.

    If one worker is gone or gives up, the exchange of gradients fails in the others, and torch
    raises a plain RuntimeError there.
    """
    defects = [cause for cause in causes if _is_defect(cause)]
    return len(defects) < len(causes) and all(type(cause) is RuntimeError for cause in defects)


def _is_of_ray_train(cause: Exception) -> bool:
    """Return whether Ray Train raised the error, for example as workers did not start in time."""
    return type(cause).__module__.startswith("ray.train.")


def _describe(cause: Exception) -> str:
    """Return the text of an error, for a defect with its type, as in `KeyError: 'x'`."""
    return f"{type(cause).__name__}: {cause}" if _is_defect(cause) else with_remedy(cause)
