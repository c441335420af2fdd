"""What every entry point uses: logging, proxies, signals, errors as one message and exit code."""

import errno
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.processes.loopback import ask_without_proxy
from pipelines.processes.parent_watch import end_with_dvc
from pipelines.processes.shell import CommandFailedError
from pipelines.processes.signals import stopping_at_once
from pix2pix.errors import StorageError, UserError
from pix2pix.files import NO_ROOM

logger = logging.getLogger(__name__)

# The message of an interrupted entry point that keeps what is finished, and uses it again.
CONTINUES = "interrupted; the same command continues from what is finished"

# The exit code if the same command may succeed later: EX_TEMPFAIL of sysexits.h.
TRY_AGAIN = 75
_STAGE_TRY_AGAIN = re.compile(rf"exited with {TRY_AGAIN}\b")  # DVC's message about such a stage
_TEMPORARY_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.ESTALE,
    errno.EMFILE,
    errno.ENFILE,
}

# Errors that the machine causes and not the program: no room, no rights, a failing disk. A missing
# file is not among them: where a user can cause that, the program checks for it and names the file.
_MACHINE_ERRORS = _TEMPORARY_ERRORS | {
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENAMETOOLONG,
    errno.ELOOP,
}


class InterruptionError(Exception):
    """A signal ended the work; the message says what is kept.

    `is_usual`: nothing is left to do, as with a server, which ends in no other way.
    """

    def __init__(self, message: str, signal_number: int, *, is_usual: bool = False) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number  # as shells do
        self.log_level = logging.INFO if is_usual else logging.ERROR


def run(main: Callable[[], None], *, if_interrupted: str = "interrupted") -> None:
    """Run an entry point. An error that a user or a file can cause ends as one message.

    `if_interrupted` is the message after Ctrl-C: it may promise what is true of this entry point.

    The exit code is then 1, or 75 if the same command may succeed later: a server does not answer,
    or storage fails. Every other error is a defect of this program and keeps its traceback.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr, force=True
    )
    logging.captureWarnings(True)
    ask_without_proxy()
    try:
        # A signal ends the program with exit code 128 + signal. The end of the DVC that started
        # this process counts as SIGTERM.
        with interrupted_as(lambda: if_interrupted), stopping_at_once():
            end_with_dvc()
            main()
    except (UserError, OSError) as error:
        if not can_be_mended(error):
            raise
        logger.error("%s", with_remedy(error))
        if (stage := os.environ.get("DVC_STAGE")) is not None:
            # With --force, because the stage may have written a report of what is wrong.
            logger.info("`dvc checkout --force %s` brings back its earlier outputs, if any", stage)
        sys.exit(TRY_AGAIN if may_pass(error) else 1)
    except InterruptionError as interrupted:
        logger.log(interrupted.log_level, "%s", interrupted)
        sys.exit(interrupted.exit_code)


@contextmanager
def interrupted_as(message: Callable[[], str]) -> Iterator[None]:
    """Raise InterruptionError with what `message` returns if a signal ends the block."""
    try:
        yield
    except KeyboardInterrupt as interrupted:
        number: int = next(iter(interrupted.args), signal.SIGINT)
        raise InterruptionError(message(), number) from None


def can_be_mended(error: UserError | OSError) -> bool:
    """Return whether a user can remove the cause: a wrong file, a full disk, a stopped server."""
    if isinstance(error, UserError | StorageError | ConnectionError | TimeoutError):
        return True
    return error.errno in _MACHINE_ERRORS


def may_pass(error: BaseException) -> bool:
    """Return whether the same command may succeed later: a server or the storage failed."""
    if isinstance(error, CommandFailedError):
        is_stage_failure = _STAGE_TRY_AGAIN.search(error.output) is not None
        return error.exit_code == TRY_AGAIN or is_stage_failure
    if isinstance(error, StorageError) and error.errno is None:
        return True
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno in _TEMPORARY_ERRORS


def with_remedy(error: Exception) -> str:
    """Return the text of an error. For a full disk the remedy is added."""
    if isinstance(error, StorageError) or not isinstance(error, OSError):
        return str(error)
    remedy = "; make room on the disk, then give the same command again"
    return f"{error}{remedy if error.errno in NO_ROOM else ''}"
