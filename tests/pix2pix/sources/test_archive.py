import gzip
import hashlib
import io
import json
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pix2pix.config import ArchiveConfig
from pix2pix.sources.archive import ArchiveRecord, fetch_archive
from tests.support.folders import contents

_FILES = {
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
    ranges: bool = True
    knows_if_range: bool = True
    chunked: bool = False
    pause_s: float = 0.0
    statuses: list[int] = field(default_factory=list)  # of the next answers, then 200 or 206
    cuts: list[int] = field(default_factory=list)  # bytes of the next answers, then all
    before_answer: Callable[[], None] = lambda: None
    asked: list[str | None] = field(default_factory=list)  # the Range of each request
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.asked.append(asked)
        self.before_answer()
        time.sleep(self.pause_s)
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        if_range = handler.headers.get("If-Range") if self.knows_if_range else None
        partial = asked is not None and self.ranges and if_range in (None, self.etag)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and partial else 0
        handler.send_response(206 if partial else 200)
        if partial:
            end, total = len(self.content) - 1, len(self.content)
            handler.send_header("Content-Range", f"bytes {start}-{end}/{total}")
        if self.etag:
            handler.send_header("ETag", self.etag)
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


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server on a free loopback port that hands out a good archive."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Site(_tar_gz({f"facades/{name}": data for name, data in _FILES.items()}))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        close_connection = True

        def do_GET(self) -> None:
            state.answer(self)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # A client that gave up waiting leaves a broken pipe; its trace would fill the test's output.
    monkeypatch.setattr(server, "handle_error", lambda *args: None)
    state.url = f"http://127.0.0.1:{server.server_port}/sets"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def _tar_gz(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
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


def _entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def _fetch(
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


def _assert_nothing_came(tmp_path: Path) -> None:
    """No data, nothing half-unpacked, no record, no file that the next run would take for good."""
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []
    assert not (tmp_path / "data/raw").exists()


def test_an_archive_is_unpacked_without_its_top_folder_and_recorded(
    site: Site, tmp_path: Path
) -> None:
    record = _fetch(site, tmp_path)
    assert contents(tmp_path / "data/raw") == _FILES
    digest = hashlib.sha256(site.content).hexdigest()
    url = f"{site.url}/facades.tar.gz"
    assert record == ArchiveRecord(url=url, size_bytes=len(site.content), sha256=digest)
    assert (tmp_path / "archives.json").read_text() == (
        '{\n  "facades": {\n'
        f'    "sha256": "{digest}",\n    "size_bytes": {len(site.content)},\n    "url": "{url}"\n'
        "  }\n}\n"
    )
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["raw"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["facades.tar.gz"]


def test_a_second_fetch_takes_the_file_at_hand_and_replaces_the_directory(
    site: Site, tmp_path: Path
) -> None:
    _fetch(site, tmp_path)
    ledger = (tmp_path / "archives.json").read_bytes()
    (tmp_path / "data/raw/train/1.jpg").write_bytes(b"spoilt")
    (tmp_path / "data/raw/stray.jpg").write_bytes(b"stray")
    _fetch(site, tmp_path)
    assert len(site.asked) == 1
    assert contents(tmp_path / "data/raw") == _FILES
    assert (tmp_path / "archives.json").read_bytes() == ledger


def test_a_cut_download_goes_on_at_the_byte_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000, 70_000]
    _fetch(site, tmp_path)
    assert site.asked == [None, "bytes=100000-", "bytes=170000-"]
    assert contents(tmp_path / "data/raw") == _FILES


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(site: Site, tmp_path: Path) -> None:
    site.cuts = [50_000, 50_000, 0]
    with pytest.raises(ConnectionError, match=r"facades\.tar\.gz.* 3 attempts.* run again"):
        _fetch(site, tmp_path, pauses=(0.0, 0.0))
    assert not (tmp_path / "data/raw").exists()
    _fetch(site, tmp_path, pauses=())
    assert site.asked == [None, "bytes=50000-", "bytes=100000-", "bytes=100000-"]
    assert contents(tmp_path / "data/raw") == _FILES


def test_the_pauses_between_attempts_are_kept_and_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []
    # tenacity's own name only: threads of other tests that sleep shall not be heard here.
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=slept.append))
    site.statuses = [503, 503, 503]
    _fetch(site, tmp_path, pauses=(1.0, 3.0, 10.0))
    assert slept == [1.0, 3.0, 10.0]
    busy = f"{site.url}/facades.tar.gz: the server answered 503 Service Unavailable"
    assert [record.getMessage() for record in caplog.records] == [
        f"{busy}; next attempt in {pause_s} s" for pause_s in (1, 3, 10)
    ]


def test_a_server_that_ignores_ranges_is_read_again_from_the_start(
    site: Site, tmp_path: Path
) -> None:
    site.ranges, site.cuts = False, [100_000, 150_000]
    _fetch(site, tmp_path)
    assert site.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert contents(tmp_path / "data/raw") == _FILES


@pytest.mark.parametrize(
    ("etags", "knows_if_range", "grows", "num_requests"),
    [
        (('"1"', '"2"'), True, False, 2),
        (('"1"', '"2"'), False, False, 3),
        ((None, None), True, True, 3),
    ],
    ids=["If-Range", "other ETag", "other size"],
)
def test_parts_of_two_versions_of_a_file_are_never_joined(
    site: Site,
    tmp_path: Path,
    etags: tuple[str | None, str | None],
    knows_if_range: bool,
    grows: bool,
    num_requests: int,
) -> None:
    newer = {name: data[::-1] for name, data in _FILES.items()}
    newer["train/1.jpg"] += np.random.default_rng(1).bytes(5_000) if grows else b""
    content = _tar_gz({f"facades/{name}": data for name, data in newer.items()})
    assert (len(content) == len(site.content)) != grows

    def replace_file() -> None:
        if len(site.asked) == 2:
            site.etag, site.content = etags[1], content

    site.etag, site.knows_if_range = etags[0], knows_if_range
    site.cuts, site.before_answer = [100_000], replace_file
    _fetch(site, tmp_path)
    assert contents(tmp_path / "data/raw") == newer
    assert len(site.asked) == num_requests


def test_a_range_that_the_server_refuses_is_dropped(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000]
    site.before_answer = lambda: site.statuses.extend([416] if len(site.asked) == 2 else [])
    _fetch(site, tmp_path)
    assert site.asked == [None, "bytes=100000-", None]
    assert contents(tmp_path / "data/raw") == _FILES


def test_a_part_that_was_complete_already_is_not_asked_for_again(
    site: Site, tmp_path: Path
) -> None:
    """As after a kill between the last byte and the renaming."""
    note = {"url": f"{site.url}/facades.tar.gz", "validator": None, "total": len(site.content)}
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/facades.tar.gz.part").write_bytes(site.content)
    (tmp_path / "cache/facades.tar.gz.part.json").write_text(json.dumps(note))
    _fetch(site, tmp_path)
    assert site.asked == []
    assert contents(tmp_path / "data/raw") == _FILES


def test_a_cut_of_a_chunked_answer_is_noticed(site: Site, tmp_path: Path) -> None:
    site.chunked, site.ranges, site.cuts = True, False, [100_000]
    _fetch(site, tmp_path)
    assert len(site.asked) == 2
    assert contents(tmp_path / "data/raw") == _FILES


def test_another_file_than_the_recorded_one_is_refused_and_not_kept(
    site: Site, tmp_path: Path
) -> None:
    expected = _fetch(site, tmp_path).sha256
    ledger = (tmp_path / "archives.json").read_bytes()
    (tmp_path / "cache/facades.tar.gz").unlink()
    good, site.content = site.content, _tar_gz({"facades/train/1.jpg": b"forged"})
    found = hashlib.sha256(site.content).hexdigest()
    with pytest.raises(ValueError, match=f"facades.tar.gz.*{expected}.*{found}.*delete the entry"):
        _fetch(site, tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []
    assert contents(tmp_path / "data/raw") == _FILES
    assert (tmp_path / "archives.json").read_bytes() == ledger
    site.content = good
    assert _fetch(site, tmp_path).sha256 == expected


def test_a_cached_file_that_was_damaged_is_refused(site: Site, tmp_path: Path) -> None:
    _fetch(site, tmp_path)
    archive = tmp_path / "cache/facades.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match="run again to download it afresh"):
        _fetch(site, tmp_path)
    assert not archive.exists()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (_entry("../escaped.txt", tarfile.REGTYPE), "points out"),
        (_entry("facades/train/../../../escaped.txt", tarfile.REGTYPE), "points out"),
        (_entry("/tmp/escaped.txt", tarfile.REGTYPE), "absolute"),
        (_entry("C:\\escaped.txt", tarfile.REGTYPE), "absolute"),
        (_entry("facades/train/link", tarfile.SYMTYPE, "/etc"), "link"),
        (_entry("facades/train/link", tarfile.SYMTYPE, "1.jpg"), "link"),
        (_entry("facades/train/link", tarfile.LNKTYPE, "facades/train/1.jpg"), "link"),
        (_entry("facades/train/pipe", tarfile.FIFOTYPE), "device"),
        (_entry("facades/train/disk", tarfile.BLKTYPE), "device"),
        (_entry("elsewhere/1.jpg", tarfile.REGTYPE), "outside of the folder 'facades'"),
        (_entry("stray.jpg", tarfile.REGTYPE), "outside of the folder 'facades'"),
    ],
)
def test_an_archive_with_an_untrustworthy_entry_is_refused_whole(
    site: Site, tmp_path: Path, entry: tarfile.TarInfo, reason: str
) -> None:
    site.content = _tar_gz({"facades/train/1.jpg": b"first"}, entry)
    with pytest.raises(ValueError, match=reason) as caught:
        _fetch(site, tmp_path)
    assert repr(entry.name) in str(caught.value)
    _assert_nothing_came(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", r"not a complete gzip tar.*<!DOCTYPE html>"),
        (b"", "not a complete gzip tar"),
        (gzip.compress(b"no tar " * 200), "not a complete gzip tar"),
        (_tar_gz({"facades/train/1.jpg": _FILES["train/2.jpg"]})[:200_000], "not a complete gzip"),
        (_tar_gz({"facades/train/1.jpg": b"first"})[:-1], "not a complete gzip"),
        (_tar_gz({"facades/train/1.jpg": b"first"})[:-8] + bytes(8), "not a complete gzip"),
        (_tar_gz({}), "empty archive"),
        (_tar_gz({"facades": b"file"}), "'facades' lies outside of the folder"),
        (_tar_gz({"facades/pictures/1.jpg": b"first"}), r"no folder train/.*pictures"),
    ],
    ids=[
        "page",
        "nothing",
        "no tar",
        "half",
        "no end",
        "wrong checksum",
        "empty",
        "no folder",
        "no train",
    ],
)
def test_content_that_is_no_data_set_is_refused_and_not_kept(
    site: Site, tmp_path: Path, content: bytes, message: str
) -> None:
    site.content = content
    with pytest.raises(ValueError, match=message):
        _fetch(site, tmp_path)
    _assert_nothing_came(tmp_path)


@pytest.mark.parametrize(("status", "num_requests"), [(404, 1), (403, 1), (500, 3), (503, 3)])
def test_an_error_answer_names_the_address_and_only_passing_ones_are_asked_again(
    site: Site, tmp_path: Path, status: int, num_requests: int
) -> None:
    site.statuses = [status] * 9
    with pytest.raises(ConnectionError, match=rf"{site.url}/facades\.tar\.gz: .*{status}.*mirror"):
        _fetch(site, tmp_path, pauses=(0.0, 0.0))
    assert len(site.asked) == num_requests
    _assert_nothing_came(tmp_path)


def test_a_silent_server_is_given_up_after_the_time_limit(site: Site, tmp_path: Path) -> None:
    site.pause_s = 0.5
    with pytest.raises(ConnectionError, match=r"facades\.tar\.gz: no answer .*timed out"):
        _fetch(site, tmp_path, pauses=(), timeout_s=0.05)


def test_a_closed_port_is_a_clear_error(site: Site, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        site.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=r"no answer .*refused.*gave up after 2 attempts"):
            _fetch(site, tmp_path, pauses=(0.0,))


def test_an_unknown_server_name_is_a_clear_error_without_retries(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def unknown(*args: object, **kwargs: object) -> None:
        asked.append(args)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    site.url = "http://nowhere.invalid"
    with pytest.raises(ConnectionError, match=r"nowhere\.invalid.*could not be resolved.*mirror"):
        _fetch(site, tmp_path)
    assert len(asked) == 1


def test_an_address_that_is_none_is_a_clear_error(site: Site, tmp_path: Path) -> None:
    site.url = "http://127.0.0.1:port"
    with pytest.raises(ConnectionError, match=r"http://127\.0\.0\.1:port.* is not a web address"):
        _fetch(site, tmp_path)


@pytest.mark.parametrize("text", ["{", '{"facades": {"sha256": "ab"}}', "[]"])
def test_a_spoilt_ledger_is_named(site: Site, tmp_path: Path, text: str) -> None:
    (tmp_path / "archives.json").write_text(text)
    with pytest.raises(ValueError, match=r"archives\.json is not a record of archives"):
        _fetch(site, tmp_path)
    assert site.asked == []


def test_records_of_other_data_sets_are_kept(site: Site, tmp_path: Path) -> None:
    other = {"maps": {"sha256": "ab", "size_bytes": 1, "url": "http://maps"}}
    (tmp_path / "archives.json").write_text(json.dumps(other))
    _fetch(site, tmp_path)
    ledger = json.loads((tmp_path / "archives.json").read_text())
    assert list(ledger) == ["facades", "maps"]
    assert ledger["maps"] == other["maps"]
