"""Why a training under Ray failed; a defect keeps its traceback, all else is a sentence."""

import logging

import ray
import ray.train
import torch
from ray.train.v2._internal.exceptions import (
    WorkerHealthCheckFailedError,
    WorkerHealthCheckTimeoutError,
)

from pipelines.entrypoint import can_be_mended
from pix2pix.errors import UserError

# A worker whose process or node is gone; there is no public name for the first two.
_LOST = (
    WorkerHealthCheckFailedError,
    WorkerHealthCheckTimeoutError,
    ray.exceptions.RayError,
)

logger = logging.getLogger(__name__)


def failure_reason(error: Exception) -> str | None:
    """What went wrong, each cause once; the traceback of a defect is logged as an error.

    Causes are errors of workers, or of Ray's controller. None if it is no failure of a training
    under Ray.
    """
    if not isinstance(error, ray.train.TrainingFailedError):
        return None
    causes = _causes(error)
    if any(map(_is_defect, causes)) and not _is_consequence(causes):
        # Ray puts the tracebacks of workers in its text, and hands that of its controller on.
        logger.error("a defect in the training:", exc_info=error)
    return "; ".join(sorted({_named(cause) for cause in causes})) or str(error)


def _causes(error: ray.train.TrainingFailedError) -> list[Exception]:
    if isinstance(error, ray.train.WorkerGroupError):
        return list(error.worker_failures.values())
    if isinstance(error, ray.train.ControllerError):
        return [error.controller_failure]
    return []


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
    return f"{type(cause).__name__}: {cause}" if _is_defect(cause) else str(cause)
