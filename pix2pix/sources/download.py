"""Resumable download of one file over HTTP.

What has arrived is kept in NAME.part, and in NAME.part.json what it is a part of, so that a cut
connection, or a later run, goes on at the byte where it stopped (RFC 9110, sec. 13.1.5 and 14), and
so that parts of two different files are never joined.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_chain,
    wait_fixed,
    wait_none,
)
from tqdm import tqdm

from pix2pix.errors import StorageError
from pix2pix.files import put_in_place
from pix2pix.sources.download_answers import (
    CutError,
    StaleError,
    placed,
    printable,
    refusal,
    unanswered,
    validator_of,
)
from pix2pix.web import Answer, ask
from pix2pix.web_address import AddressError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Version:
    """Which file a .part is a part of; `validator` is its strong ETag or its date."""

    url: str
    validator: str | None
    total: int | None


@dataclass(frozen=True, kw_only=True)
class _Transfer:
    """Where the bytes of `url` go, and how many there may be."""

    url: str
    part: Path
    note: Path
    max_bytes: int


def download(
    url: str,
    path: Path,
    *,
    timeout_s: float,
    retry_pauses_s: Sequence[float],
    max_bytes: int,
) -> None:
    """Fetch `url` to `path`, which appears only when complete.

    After a cut the transfer is taken up again, once per pause. `timeout_s` is the longest silence
    of the server, not the whole duration. Raises ConnectionError naming the URL and the reason,
    also for a file of more than `max_bytes`; StorageError if there is no room for it.
    """
    attempts = Retrying(
        retry=retry_if_exception_type(CutError),
        stop=stop_after_attempt(len(retry_pauses_s) + 1),
        wait=wait_chain(*map(wait_fixed, retry_pauses_s)) if retry_pauses_s else wait_none(),
        before_sleep=partial(_log_cut, url),
        reraise=True,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        attempts(_attempt, url, path, timeout_s=timeout_s, max_bytes=max_bytes)
    except CutError as cut:
        raise ConnectionError(
            f"{url}: {cut}; gave up after {len(retry_pauses_s) + 1} attempts. What has arrived is "
            "kept: run again to go on from there"
        ) from cut
    except AddressError as error:
        raise ConnectionError(f"{url}: {error}") from error
    except ConnectionError:
        raise
    except OSError as error:  # of this machine: errors of the network are a CutError by now
        raise StorageError(
            f"{path}.part cannot be written ({error.strerror or error}); make room for it and "
            "run again: what has arrived is kept"
        ) from error


def _log_cut(url: str, state: RetryCallState) -> None:
    """Say why another attempt follows, and when."""
    assert state.outcome is not None
    _log.warning(
        "%s: %s; next attempt in %g s", url, state.outcome.exception(), state.upcoming_sleep
    )


def _attempt(url: str, path: Path, *, timeout_s: float, max_bytes: int) -> None:
    """Ask for what is missing and append it. Raises CutError, ConnectionError or OSError."""
    part, note = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
    known = _read_note(note, url)
    held = part.stat().st_size if known is not None and part.is_file() else 0
    if known is None or held != known.total:
        transfer = _Transfer(url=url, part=part, note=note, max_bytes=max_bytes)
        try:
            with _asked(url, held, known, timeout_s=timeout_s) as answer:
                _append(answer, transfer, held=held, known=known)
        except StaleError as stale:
            part.unlink(missing_ok=True)
            note.unlink(missing_ok=True)
            raise CutError(str(stale)) from stale
    put_in_place(part, path)
    note.unlink(missing_ok=True)


@contextmanager
def _asked(url: str, held: int, known: _Version | None, *, timeout_s: float) -> Iterator[Answer]:
    """The file from byte `held` on. Raises CutError, StaleError or ConnectionError."""
    headers = {"Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
        if known is not None and known.validator is not None:
            # A changed file then comes whole (200) instead of as a part that does not fit.
            headers["If-Range"] = known.validator
    with ExitStack() as stack:
        try:
            answer = stack.enter_context(ask(url, timeout_s=timeout_s, headers=headers))
        except HTTPError as error:
            raise refusal(url, error, held=held) from error
        except AddressError:
            raise
        except (OSError, HTTPException) as error:
            raise unanswered(url, error) from error
        yield answer


def _append(answer: Answer, transfer: _Transfer, *, held: int, known: _Version | None) -> None:
    """Write what the server sends behind the bytes that are held, or from the start."""
    start, total = placed(answer)
    if start and (known is None or start != held or _differs(answer, known, total)):
        raise StaleError(f"the server sent bytes {start} and up of another file")
    if total is not None and total > transfer.max_bytes:
        raise ConnectionError(
            f"{transfer.url}: the server announces {total} bytes, more than the "
            f"{transfer.max_bytes} that such a file may have; check the address"
        )
    if not start:
        # First the old bytes go, then the note changes: it must never describe other bytes.
        transfer.part.write_bytes(b"")
        version = _Version(transfer.url, validator_of(answer.headers), total)
        transfer.note.write_text(json.dumps(asdict(version)), encoding="utf-8")
    size = _store(answer, transfer, start=start, total=total)
    if total is not None and size != total:
        raise CutError(f"the connection was cut at byte {size} of {total}")


def _store(answer: Answer, transfer: _Transfer, *, start: int, total: int | None) -> int:
    """Append all that arrives, under a progress bar; the size of the whole. Raises CutError."""
    size = start
    with (
        transfer.part.open("ab") as sink,
        tqdm(
            initial=start,
            total=total,
            desc=transfer.part.stem,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            disable=None,
        ) as bar,
    ):
        while chunk := _receive(answer):
            size += len(chunk)
            _check_size(size, transfer, total=total)
            sink.write(chunk)
            bar.update(len(chunk))
    return size


def _check_size(size: int, transfer: _Transfer, *, total: int | None) -> None:
    """Raise StaleError or, where asking again is no use, ConnectionError if too much has come."""
    if total is not None and size > total:
        raise StaleError(f"the server sent more than the {total} bytes that it announced")
    if size > transfer.max_bytes:
        transfer.part.unlink(missing_ok=True)
        transfer.note.unlink(missing_ok=True)
        raise ConnectionError(
            f"{transfer.url}: the server has sent more than the {transfer.max_bytes} bytes that "
            "such a file may have, and was left; check the address"
        )


def _receive(answer: Answer) -> bytes:
    """What has arrived by now, empty at the end. Raises CutError."""
    try:
        return answer.read()
    except (OSError, HTTPException) as error:
        reason = printable(str(error) or type(error).__name__)
        raise CutError(f"the connection was cut ({reason})") from error


def _differs(answer: Answer, known: _Version, total: int | None) -> bool:
    """Whether a part belongs to another file than the one begun, If-Range or not."""
    return total != known.total or validator_of(answer.headers) not in (None, known.validator)


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
