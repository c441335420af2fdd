"""Decide which failures of a flow's commands may pass by themselves and are worth a retry."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from pipelines.entrypoint import may_pass
from pix2pix.errors import UserError

# The exit codes of DVC and git do not tell the reason of a failure. These are words from messages
# of git and of the libraries that DVC uses, when a network, a server or a store fails for a while.
_OUTAGE = re.compile(
    r"connect|timed? ?out|timeout|temporar|unreachable|name resolution|getaddrinfo"
    r"|reset by peer|broken pipe|unexpected eof|incomplete ?read"
    r"|could not resolve host|cannot lock ref"
    r"|too many requests|slow ?down|internal ?(server )?error|bad gateway|service ?unavailable"
    r"|no space left|input/output error|stale file handle|unable to acquire lock",
    re.IGNORECASE,
)


def may_succeed_later(error: object) -> bool:
    """Whether a task that raised `error` should be retried.

    False if the user has to change something (UserError), and for defects of this program.
    """
    if isinstance(error, httpx.TransportError):  # Prefect's server
        return True
    return isinstance(error, BaseException) and may_pass(error)


@contextmanager
def naming_outages() -> Iterator[None]:
    """Raise ConnectionError for an error of DVC or git about a network or remote that failed."""
    try:
        yield
    except UserError as error:
        if _OUTAGE.search(str(error)):
            raise ConnectionError(str(error)) from error
        raise
