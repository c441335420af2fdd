"""Resumable download of one file over HTTP.

What has arrived is kept in NAME.part, and in NAME.part.json what it is a part of, so that a cut
connection, or a later run, goes on at the byte where it stopped (RFC 9110, sec. 13.1.5 and 14), and
so that parts of two different files are never joined.
"""

import json
import logging
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, InvalidURL
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from pix2pix.files import put_in_place

RETRY_PAUSES_S = (1.0, 3.0, 10.0, 30.0)

_CHUNK_BYTES = 1 << 18
# Answers that may be different a moment later; any other refusal is final.
_PASSING = frozenset({408, 429, 500, 502, 503, 504})

_log = logging.getLogger(__name__)


class _CutError(Exception):
    """An attempt ended for a reason that may pass; the next one goes on where it stopped."""


class _StaleError(Exception):
    """The server cannot continue the part that is held: the next attempt begins again."""


@dataclass(frozen=True)
class _Version:
    """Which file a .part is a part of; `validator` is its strong ETag or its date."""

    url: str
    validator: str | None
    total: int | None


def download(
    url: str,
    path: Path,
    *,
    timeout_s: float = 60.0,
    retry_pauses_s: Sequence[float] = RETRY_PAUSES_S,
) -> None:
    """Fetch `url` to `path`, which appears only when complete.

    After a cut the transfer is taken up again, once per pause. `timeout_s` is the longest silence
    of the server, not the whole duration. Raises ConnectionError naming the URL and the reason.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt, pause_s in enumerate((*retry_pauses_s, None), start=1):
        try:
            _attempt(url, path, timeout_s=timeout_s)
            return
        except _CutError as cut:
            if pause_s is None:
                raise ConnectionError(
                    f"{url}: {cut}; gave up after {attempt} attempts. What has arrived is kept: "
                    "run again to go on from there"
                ) from cut
            _log.warning("%s: %s; next attempt in %g s", url, cut, pause_s)
            time.sleep(pause_s)


def _attempt(url: str, path: Path, *, timeout_s: float) -> None:
    """Ask for what is missing and append it. Raises _CutError or ConnectionError."""
    part, note = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
    known = _read_note(note, url)
    held = part.stat().st_size if known is not None and part.is_file() else 0
    if known is None or held != known.total:
        try:
            with _ask(url, held, known, timeout_s=timeout_s) as response:
                _append(response, part, note=note, url=url, held=held, known=known)
        except _StaleError as stale:
            part.unlink(missing_ok=True)
            note.unlink(missing_ok=True)
            raise _CutError(str(stale)) from stale
    put_in_place(part, path)
    note.unlink(missing_ok=True)


def _ask(url: str, held: int, known: _Version | None, *, timeout_s: float) -> HTTPResponse:
    """Request the file from byte `held` on. Raises _CutError, _StaleError or ConnectionError."""
    headers = {"Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
        if known is not None and known.validator is not None:
            # A changed file then comes whole (200) instead of as a part that does not fit.
            headers["If-Range"] = known.validator
    try:
        response = urlopen(Request(url, headers=headers), timeout=timeout_s)
    except HTTPError as error:
        error.close()
        raise _refusal(url, error, held=held) from error
    except InvalidURL as error:
        raise ConnectionError(f"{url} is not a web address: {error}") from error
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, socket.gaierror):
            raise ConnectionError(
                f"{url}: the server's name could not be resolved ({reason}); check the address and "
                "the network"
            ) from error
        raise _CutError(f"no answer ({reason})") from error
    assert isinstance(response, HTTPResponse)
    return response


def _refusal(url: str, error: HTTPError, *, held: int) -> Exception:
    """What an HTTP error status means for this download."""
    answer = f"the server answered {error.code} {error.reason}"
    if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and held:
        return _StaleError(f"{answer} to bytes {held} and up")
    if error.code in _PASSING:
        return _CutError(answer)
    return ConnectionError(f"{url}: {answer}; check the address")


def _append(
    response: HTTPResponse,
    part: Path,
    *,
    note: Path,
    url: str,
    held: int,
    known: _Version | None,
) -> None:
    """Write what the server sends behind the bytes that are held, or from the start."""
    start, total = _placed(response)
    if start and (known is None or start != held or _differs(response, known, total)):
        raise _StaleError(f"the server sent bytes {start} and up of another file")
    if not start:
        # First the old bytes go, then the note changes: it must never describe other bytes.
        part.write_bytes(b"")
        version = _Version(url, _validator(response), total)
        note.write_text(json.dumps(asdict(version)), encoding="utf-8")
    size = start + _store(response, part, start=start, total=total)
    if total is not None and size != total:
        raise _CutError(f"the connection was cut at byte {size} of {total}")


def _store(response: HTTPResponse, part: Path, *, start: int, total: int | None) -> int:
    """Append all that arrives, under a progress bar; the number of bytes. Raises _CutError."""
    num_bytes = 0
    with (
        part.open("ab") as sink,
        tqdm(
            initial=start,
            total=total,
            desc=part.stem,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            disable=None,
        ) as bar,
    ):
        while chunk := _receive(response):
            sink.write(chunk)
            bar.update(len(chunk))
            num_bytes += len(chunk)
    return num_bytes


def _receive(response: HTTPResponse) -> bytes:
    """What has arrived by now, empty at the end. Raises _CutError."""
    try:
        return response.read1(_CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise _CutError(f"the connection was cut ({error or type(error).__name__})") from error


def _placed(response: HTTPResponse) -> tuple[int, int | None]:
    """The first byte that comes and the size of the whole file, None if not told."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        spoken = response.headers.get("Content-Range", "")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", spoken.strip())
        if found is None:
            raise _StaleError(f"the server sent a part without saying which ({spoken!r})")
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _validator(response: HTTPResponse) -> str | None:
    """What names this version of the file; weak ETags are not allowed in If-Range."""
    tag = response.headers.get("ETag")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")


def _differs(response: HTTPResponse, known: _Version, total: int | None) -> bool:
    """Whether a part belongs to another file than the one begun, If-Range or not."""
    return total != known.total or _validator(response) not in (None, known.validator)


def _read_note(note: Path, url: str) -> _Version | None:
    """What the .part is a part of; None if it is not one of `url`'s."""
    if not note.is_file():
        return None
    try:
        version = _Version(**json.loads(note.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        # A note cut short by a kill: what it described cannot be trusted.
        return None
    return version if version.url == url else None
