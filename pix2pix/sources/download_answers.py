"""What the answers of a server mean for a download that may be taken up again (`download`)."""

import re
import socket
from http import HTTPStatus
from http.client import HTTPMessage
from urllib.error import HTTPError, URLError

from pix2pix.web import Answer

_NUMBER = "[0-9]{1,18}"  # \d and isdigit would take digits that int refuses

# Answers that may be different a moment later; any other refusal is final.
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class CutError(Exception):
    """An attempt ended for a reason that may pass; the next one goes on where it stopped."""


class StaleError(Exception):
    """The server cannot continue the part that is held: the next attempt begins again."""


def unanswered(url: str, error: Exception) -> Exception:
    """The CutError, or the ConnectionError that is final, for a server that has not answered."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, socket.gaierror):
        return ConnectionError(
            f"{url}: the server's name could not be resolved ({reason}); check the address and "
            "the network"
        )
    return CutError(f"no answer ({printable(str(reason) or type(reason).__name__)})")


def refusal(url: str, error: HTTPError, *, held: int) -> Exception:
    """The error for an HTTP error status, of a server that was asked for byte `held` and up.

    It is a CutError or StaleError if asking again may help, else a ConnectionError.
    """
    answer = f"the server answered {error.code} {printable(str(error.reason))}"
    if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and held:
        return StaleError(f"{answer} to bytes {held} and up")
    if error.code in _PASSING:
        return CutError(answer)
    return ConnectionError(f"{url}: {answer}; check the address")


def printable(text: str) -> str:
    """A server's words, without what would command the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


def placed(answer: Answer) -> tuple[int, int | None]:
    """The first byte that comes and the size of the whole file, None if not told.

    Raises StaleError if a part comes of which it is not known where it belongs.
    """
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        spoken = answer.headers.get("Content-Range", "").strip()
        found = re.fullmatch(rf"bytes ({_NUMBER})-{_NUMBER}/({_NUMBER}|\*)", spoken)
        if found is None:
            raise StaleError(f"the server sent a part without saying which ({spoken[:200]!r})")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(_NUMBER, length) else None


def validator_of(headers: HTTPMessage) -> str | None:
    """What names this version of the file; weak ETags are not allowed in If-Range."""
    tag = headers.get("ETag")
    name = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")
    # It is sent back as a header field: a folded or endless one cannot be.
    is_plain = name is not None and name.isascii() and name.isprintable() and len(name) < 1000
    return name if is_plain else None
