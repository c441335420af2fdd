"""Decide which failures of a flow's commands may pass by themselves and are worth a retry."""

import re

import httpx

from pipelines.entrypoint import may_pass

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


def names_outage(output: str) -> bool:
    """Whether the last output of DVC or git is about a network or remote that failed."""
    return _OUTAGE.search(output) is not None
