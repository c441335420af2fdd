"""A thread that brings MLflow up to date, and tries again until it has succeeded."""

import logging
import threading
from collections.abc import Callable

from tenacity import Retrying, TryAgain, stop_when_event_set, wait_exponential

from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError

_MIN_PAUSE_S, _MAX_PAUSE_S = 2.0, 30.0

logger = logging.getLogger(__name__)


class Reconciler:
    """Calls `reconcile` in a thread of its own, after each `wake` and a last time for `close`.

    `reconcile` compares MLflow at `uri` with what it should contain and sends what is missing. An
    OSError that it raises (no connection, a full disk) may pass: it is called again after two
    seconds, then more and more rarely, up to every 30 seconds. After any other error somebody has
    to change something: it is called again at the next `wake` or `close`.

    The first error of a series is logged, with the consequences that `meanwhile` describes, and so
    is the success that ends the series. Nothing here raises, and only `close` waits.
    """

    def __init__(self, reconcile: Callable[[], None], *, uri: str, meanwhile: str) -> None:
        self._reconcile = reconcile
        self._uri, self._meanwhile = without_password(uri), meanwhile
        self._is_wanted, self._is_closing, self._is_over = (threading.Event() for _ in range(3))
        self._is_last = False  # whether the present call began after `close`
        self._has_failed = self._is_complete = False
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that MLflow may lack something."""
        self._is_wanted.set()

    def close(self, timeout_s: float) -> bool:
        """Wait that long for a last call that succeeds. Returns whether there was one."""
        self._is_closing.set()
        self._is_wanted.set()
        self._thread.join(timeout_s)
        self._is_over.set()
        if not self._is_complete:
            self._log_failure(TimeoutError(f"MLflow at {self._uri} is slow"))
        return self._is_complete

    def _work(self) -> None:
        retrying = Retrying(
            wait=wait_exponential(multiplier=_MIN_PAUSE_S, max=_MAX_PAUSE_S),
            sleep=self._pause,
            stop=stop_when_event_set(self._is_over),
            retry_error_callback=lambda _: None,  # nobody waits for it any longer
        )
        while not self._is_last:
            self._is_wanted.wait()
            retrying(self._attempt)

    def _attempt(self) -> None:
        """Reconcile once. Raises TryAgain after an outage."""
        self._is_wanted.clear()
        self._is_last = self._is_closing.is_set()
        try:
            self._reconcile()
        except OSError as error:
            self._log_failure(error)
            raise TryAgain from error
        except Exception as error:  # noqa: BLE001 - MLflow must not disturb the caller
            self._log_failure(error)
        else:
            self._log_success()
            self._is_complete = self._is_last

    def _pause(self, pause_s: float) -> None:
        """Wait before the next attempt. `close` ends a pause, and wants the next ones short."""
        if self._is_last:
            self._is_over.wait(min(pause_s, _MIN_PAUSE_S))
        else:
            self._is_closing.wait(pause_s)

    def _log_failure(self, error: Exception) -> None:
        """Warn of the first error of a series; of a defect of this program with its traceback."""
        if self._has_failed:
            return
        self._has_failed = True
        if isinstance(error, OSError | UserError):
            logger.warning("%s\n%s", error, self._meanwhile)
        else:
            logger.warning(
                "MLflow at %s is not up to date: %s: %s\n%s",
                self._uri,
                type(error).__name__,
                error,
                self._meanwhile,
                exc_info=error,
            )

    def _log_success(self) -> None:
        """Say that a series of errors is over."""
        if self._has_failed:
            # A warning as well: whoever was shown the first has to be shown this one.
            logger.warning("MLflow at %s is back and has what it lacked", self._uri)
        self._has_failed = False
