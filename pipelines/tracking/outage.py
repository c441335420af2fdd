"""Errors while MLflow is followed: which of them may pass, and what a person is told of them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError


class OutageError(Exception):
    """MLflow did not take what it was sent, but may do so later."""


@contextmanager
def outages(*, has_lost_run: Callable[[], bool]) -> Iterator[None]:
    """Make what may pass of what MLflow's client raises one kind of error.

    `has_lost_run` says whether a run that is written to was deleted: it is made again.

    MLflow is imported here, in the thread that talks to it: that takes seconds, and most workers
    never do.
    """
    from mlflow.exceptions import MlflowException

    from pipelines.tracking.connection import may_pass, reason_of

    try:
        yield
    except Exception as error:
        if may_pass(error) or (isinstance(error, MlflowException) and has_lost_run()):
            raise OutageError(reason_of(error)) from error
        raise


def is_explained(error: Exception) -> bool:
    """Whether the message of `error` says enough: an outage, or what a person can mend."""
    return isinstance(error, OutageError | UserError | OSError)


class Outage:
    """Says once that MLflow was lost, with the reason, and once that it is back."""

    def __init__(self, uri: str, meanwhile: str, *, log: logging.Logger) -> None:
        self._uri, self._meanwhile, self._log = uri, meanwhile, log
        self._is_lost = False

    def lost(self, error: Exception) -> None:
        """Warn of the first error; of a defect of this program with its traceback."""
        if self._is_lost:
            return
        self._is_lost = True
        if is_explained(error):
            self._log.warning("%s\n%s", error, self._meanwhile)
        else:
            self._log.warning(
                "MLflow at %s lacks what follows: %s: %s\n%s",
                without_password(self._uri),
                type(error).__name__,
                error,
                self._meanwhile,
                exc_info=error,
            )

    def found(self) -> None:
        """Say that it is back, if it was lost."""
        if self._is_lost:
            # A warning as well: whoever was shown the first has to be shown this one.
            self._log.warning(
                "MLflow at %s is back and has what it lacked", without_password(self._uri)
            )
        self._is_lost = False
