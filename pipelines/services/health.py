"""Whether services answer, and what they wrote if they do not."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.services.layout import log_path
from pipelines.services.processes import is_running, read_record
from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError

START_TIMEOUT_S = 300.0  # a database is made, on a busy machine

_ANSWER_S, _ELSEWHERE_S = 2.0, 10.0
_LOOK_S = 0.3
_NUM_LOG_LINES = 15

# A proxy that the environment names is not for servers on this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """Whether a GET of `url` on this machine succeeds at once."""
    try:
        with _DIRECT.open(url, timeout=_ANSWER_S) as response:
            return bool(response.status == 200)
    except (OSError, http.client.HTTPException):  # the latter: something else speaks there
        return False


def wait_until_healthy(
    project: Path, checks: Mapping[str, Callable[[], bool]], *, timeout_s: float = START_TIMEOUT_S
) -> None:
    """Return when the check of every service, by its name, has once been true.

    Raises UserError if a service ends, TimeoutError if one takes too long, with the end of
    its log.
    """
    waiting = dict(checks)
    deadline_s = time.monotonic() + timeout_s
    while waiting:
        for name, is_healthy in list(waiting.items()):
            if is_healthy():
                del waiting[name]
                continue
            record = read_record(project, name)
            if record is None or not is_running(record):
                raise UserError(f"{name} ended while it started; {_end_of_log(project, name)}")
            if time.monotonic() > deadline_s:
                raise TimeoutError(
                    f"{name} is not ready after {timeout_s:.0f} s; {_end_of_log(project, name)}"
                )
        time.sleep(_LOOK_S if waiting else 0)


def reach_prefect(health_url: str) -> None:
    """Return if a server elsewhere answers. Raises ConnectionError naming it and the remedy."""
    try:
        urllib.request.urlopen(health_url, timeout=_ELSEWHERE_S).close()
    except urllib.error.HTTPError:
        pass  # it does answer; whether it lets us in, its client finds out
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"Prefect at {health_url} does not answer: {error}\nStart the server there, or unset "
            "PREFECT_API_URL to have one started here."
        ) from None


def _end_of_log(project: Path, name: str) -> str:
    path = log_path(project, name)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    last = "\n".join(f"  {without_password(line)}" for line in lines[-_NUM_LOG_LINES:])
    return f"{path} ends with:\n{last}"
