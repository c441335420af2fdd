"""A server of an archive that does what the test says, and what came of it."""

import io
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np

from pix2pix.config import ArchiveConfig
from pix2pix.sources.archive import ArchiveRecord, fetch_archive

FILES = {
    "train/1.jpg": b"first",
    "train/2.jpg": np.random.default_rng(0).bytes(300_000),
    "val/1.jpg": b"third",
    "test/1.jpg": b"fourth",
}


@dataclass
class Site:
    """What the loopback server does, and what it was asked for."""

    content: bytes
    etag: str | None = '"1"'
    modified: str | None = None  # the Last-Modified
    ranges: bool = True
    knows_if_range: bool = True
    chunked: bool = False
    pause_s: float = 0.0
    statuses: list[int] = field(default_factory=list)  # of the next answers, then 200 or 206
    cuts: list[int] = field(default_factory=list)  # bytes of the next answers, then all
    starts: dict[int, int] = field(default_factory=dict)  # of parts, by request, whatever is asked
    before_answer: Callable[[], None] = lambda: None
    asked: list[str | None] = field(default_factory=list)  # the Range of each request
    asked_if: list[str | None] = field(default_factory=list)  # the If-Range of each request
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.asked.append(asked)
        self.asked_if.append(handler.headers.get("If-Range"))
        self.before_answer()
        time.sleep(self.pause_s)
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        if_range = handler.headers.get("If-Range") if self.knows_if_range else None
        is_same = if_range in (None, self.etag, self.modified)
        partial = asked is not None and self.ranges and is_same
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and partial else 0
        if len(self.asked) in self.starts:
            partial, start = True, self.starts[len(self.asked)]
        handler.send_response(206 if partial else 200)
        if partial:
            end, total = len(self.content) - 1, len(self.content)
            handler.send_header("Content-Range", f"bytes {start}-{end}/{total}")
        if self.etag:
            handler.send_header("ETag", self.etag)
        if self.modified:
            handler.send_header("Last-Modified", self.modified)
        self._send(handler, self.content[start:])

    def _send(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        sent = body[: self.cuts.pop(0)] if self.cuts else body
        if self.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.wfile.write(f"{len(body):x}\r\n".encode() + sent)
            handler.wfile.write(b"\r\n0\r\n\r\n" if sent == body else b"")
        else:
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(sent)


def tar_gz(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    # Stored, not packed, so that sizes follow from the files alone.
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=0) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for entry in extra:
            tar.addfile(entry)
    return buffer.getvalue()


def fetch(
    site: Site,
    tmp_path: Path,
    *,
    pauses: tuple[float, ...] = (0.0, 0.0, 0.0),
    timeout_s: float = 10.0,
) -> ArchiveRecord:
    return fetch_archive(
        ArchiveConfig(dataset="facades", base_url=site.url),
        tmp_path / "data/raw",
        cache_dir=tmp_path / "cache",
        ledger=tmp_path / "archives.json",
        timeout_s=timeout_s,
        retry_pauses_s=pauses,
    )


def assert_nothing_came(tmp_path: Path, *, refused: bytes | None = None) -> None:
    """No data, nothing half-unpacked, no record, no file that the next run would take for good.

    `refused` is the content of the archive that is there under another name; None: of none.
    """
    left = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == ({} if refused is None else {"facades.tar.gz.refused": refused})
    assert not (tmp_path / "data/raw").exists()
