"""Whether a server answers, asked without the client of any tool."""

import http.client
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LOCAL_ANSWER_S = 2.0


def check_answer(url: str, *, timeout_s: float) -> None:
    """Return if a server answers at `url`; whether it lets us in, its client finds out.

    A status from 500 on is no answer: a proxy sends it in place of a server that is down. A
    certificate that is not trusted is an answer: the client's own settings may accept it. Raises
    ConnectionError with the reason.
    """
    try:
        _opener(url).open(url, timeout=timeout_s).close()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500:
            raise ConnectionError(str(error)) from None
    except (OSError, http.client.HTTPException) as error:  # the latter: no HTTP is spoken there
        reason = getattr(error, "reason", error)
        if not isinstance(reason, ssl.SSLError):
            raise ConnectionError(str(reason) or type(reason).__name__) from None


def is_answering(url: str) -> bool:
    """Whether a server on this machine answers at `url` at once."""
    try:
        check_answer(url, timeout_s=_LOCAL_ANSWER_S)
    except ConnectionError:
        return False
    return True


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Uses the proxy that the environment names, but not for servers on this machine."""
    if urlsplit(url).hostname in _LOOPBACK:
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener()
