"""Why a training under Ray failed; a defect keeps its traceback, all else is a sentence."""

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


def mendable(error: Exception, run: Folder) -> UserError | StorageError | None:
    """A failed training in the folder `run`, as an error for the person who started it.

    It names each cause once; the traceback of a defect is logged. A StorageError where the same
    command may succeed later, as with a full disk. None if `error` is nothing of the kind.
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
        # Ray puts the tracebacks of workers in its text, and hands that of its controller on.
        logger.error("a defect in the training:", exc_info=error)
    return "; ".join(sorted({_named(cause) for cause in causes}))


def _causes(error: Exception) -> list[Exception]:
    """The errors of workers, or that of Ray's controller; none if no person can mend `error`."""
    if isinstance(error, ray.train.WorkerGroupError):
        return list(error.worker_failures.values())
    if isinstance(error, ray.train.ControllerError):
        return [error.controller_failure]
    return [error] if isinstance(error, ray.train.TrainingFailedError | UserError) else []


def _is_defect(cause: Exception) -> bool:
    """Whether only a change of the code would mend it."""
    if isinstance(cause, _LOST) or _is_of_ray_train(cause):
        return False
    if isinstance(cause, torch.OutOfMemoryError | MemoryError):
        return False  # a smaller batch would
    return not (isinstance(cause, UserError | OSError) and can_be_mended(cause))


def _is_consequence(causes: list[Exception]) -> bool:
    """Whether another worker's end explains all that look like defects.

    Where one worker is gone or gives up, the exchange with it fails in the others as a plain
    RuntimeError of torch's.
    """
    defects = [cause for cause in causes if _is_defect(cause)]
    return len(defects) < len(causes) and all(type(cause) is RuntimeError for cause in defects)


def _is_of_ray_train(cause: Exception) -> bool:
    """Such as that workers could not be started in time."""
    return type(cause).__module__.startswith("ray.train.")


def _named(cause: Exception) -> str:
    """Its text; with its type where a person is not who it was written for (KeyError: 'x')."""
    return f"{type(cause).__name__}: {cause}" if _is_defect(cause) else with_remedy(cause)
