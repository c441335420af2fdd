"""Which failures of a flow's commands may pass, so that another try is worth the wait."""

import re

import httpx

from pipelines.entrypoint import TRY_AGAIN, may_pass
from pipelines.processes.shell import CommandFailedError

# What DVC says of a stage that ended so.
_STAGE_TRY_AGAIN = re.compile(rf"exited with {TRY_AGAIN}\b")

# DVC's exit code says nothing of the reason; these are words of the libraries below it for a
# network, a server or a store that fails for a while. A wrong name has none of them.
_OUTAGE = re.compile(
    r"connect|timed? ?out|timeout|temporar|unreachable|name resolution|getaddrinfo"
    r"|reset by peer|broken pipe|unexpected eof|incomplete ?read"
    r"|too many requests|slow ?down|internal ?(server )?error|bad gateway|service ?unavailable"
    r"|no space left|input/output error|stale file handle|unable to acquire lock",
    re.IGNORECASE,
)


def may_succeed_later(error: object) -> bool:
    """Whether a task that raised `error` is to be tried again.

    Not where a person has to change something (UserError), and not for a defect of this program.
    """
    if isinstance(error, CommandFailedError):
        is_told = _STAGE_TRY_AGAIN.search(error.output) is not None
        return error.exit_code == TRY_AGAIN or is_told
    if isinstance(error, httpx.TransportError):  # Prefect's server
        return True
    return isinstance(error, BaseException) and may_pass(error)


def names_outage(output: str) -> bool:
    """Whether DVC's last lines say that the network or the remote failed for a while."""
    return _OUTAGE.search(output) is not None
