"""A download of an archive that is cut, repeated, refused or mixed."""

import json
import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.archive_site import FILES, Site, assert_nothing_came, fetch, tar_gz
from tests.support.folders import contents


def test_a_cut_download_goes_on_at_the_byte_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000, 70_000]
    fetch(site, tmp_path)
    assert site.asked == [None, "bytes=100000-", "bytes=170000-"]
    assert contents(tmp_path / "data/raw") == FILES


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(site: Site, tmp_path: Path) -> None:
    site.cuts = [50_000, 50_000, 0]
    with pytest.raises(ConnectionError, match=r"facades\.tar\.gz.* 3 attempts.* run again"):
        fetch(site, tmp_path, pauses=(0.0, 0.0))
    assert not (tmp_path / "data/raw").exists()
    fetch(site, tmp_path, pauses=())
    assert site.asked == [None, "bytes=50000-", "bytes=100000-", "bytes=100000-"]
    assert contents(tmp_path / "data/raw") == FILES


def test_the_pauses_between_attempts_are_kept_and_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []
    # tenacity's own name only: threads of other tests that sleep shall not be heard here.
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=slept.append))
    site.statuses = [503, 503, 503]
    fetch(site, tmp_path, pauses=(1.0, 3.0, 10.0))
    assert slept == [1.0, 3.0, 10.0]
    busy = f"{site.url}/facades.tar.gz: the server answered 503 Service Unavailable"
    assert [record.getMessage() for record in caplog.records] == [
        f"{busy}; next attempt in {pause_s} s" for pause_s in (1, 3, 10)
    ]


def test_a_server_that_ignores_ranges_is_read_again_from_the_start(
    site: Site, tmp_path: Path
) -> None:
    site.ranges, site.cuts = False, [100_000, 150_000]
    fetch(site, tmp_path)
    assert site.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert contents(tmp_path / "data/raw") == FILES


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
    newer = {name: data[::-1] for name, data in FILES.items()}
    newer["train/1.jpg"] += np.random.default_rng(1).bytes(5_000) if grows else b""
    content = tar_gz({f"facades/{name}": data for name, data in newer.items()})
    assert (len(content) == len(site.content)) != grows

    def replace_file() -> None:
        if len(site.asked) == 2:
            site.etag, site.content = etags[1], content

    site.etag, site.knows_if_range = etags[0], knows_if_range
    site.cuts, site.before_answer = [100_000], replace_file
    fetch(site, tmp_path)
    assert contents(tmp_path / "data/raw") == newer
    assert len(site.asked) == num_requests


@pytest.mark.parametrize("num_cuts", [0, 1])
def test_a_part_that_begins_elsewhere_than_asked_is_dropped(
    site: Site, tmp_path: Path, num_cuts: int
) -> None:
    """Joined to what is held, or taken for a beginning, it would make another file."""
    site.cuts = [100_000] * num_cuts
    site.starts = {1 + num_cuts: 50_000}
    fetch(site, tmp_path)
    assert site.asked == [None, *["bytes=100000-"] * num_cuts, None]
    assert contents(tmp_path / "data/raw") == FILES


def test_a_part_of_another_address_is_dropped(site: Site, tmp_path: Path) -> None:
    """Such as that of a mirror which was given up."""
    site.cuts = [100_000]
    with pytest.raises(ConnectionError, match="run again"):
        fetch(site, tmp_path, pauses=())
    site.url += "/mirror"
    fetch(site, tmp_path, pauses=())
    assert site.asked == [None, None]
    assert contents(tmp_path / "data/raw") == FILES


DATE = "Sat, 28 Nov 2026 08:00:00 GMT"


@pytest.mark.parametrize(
    ("etag", "modified", "named"),
    [('"1"', DATE, '"1"'), ('W/"1"', DATE, DATE), (None, DATE, DATE), ('W/"1"', None, None)],
)
def test_a_part_is_asked_for_by_a_name_that_if_range_allows(
    site: Site, tmp_path: Path, etag: str | None, modified: str | None, named: str | None
) -> None:
    """A strong ETag, else the date; RFC 9110, sec. 13.1.5."""
    site.etag, site.modified, site.cuts = etag, modified, [100_000]
    fetch(site, tmp_path)
    assert site.asked == [None, "bytes=100000-"]
    assert site.asked_if == [None, named]
    assert contents(tmp_path / "data/raw") == FILES


def test_a_range_that_the_server_refuses_is_dropped(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000]
    site.before_answer = lambda: site.statuses.extend([416] if len(site.asked) == 2 else [])
    fetch(site, tmp_path)
    assert site.asked == [None, "bytes=100000-", None]
    assert contents(tmp_path / "data/raw") == FILES


def test_a_part_that_was_complete_already_is_not_asked_for_again(
    site: Site, tmp_path: Path
) -> None:
    """As after a kill between the last byte and the renaming."""
    note = {"url": f"{site.url}/facades.tar.gz", "validator": None, "total": len(site.content)}
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/facades.tar.gz.part").write_bytes(site.content)
    (tmp_path / "cache/facades.tar.gz.part.json").write_text(json.dumps(note))
    fetch(site, tmp_path)
    assert site.asked == []
    assert contents(tmp_path / "data/raw") == FILES


def test_a_cut_of_a_chunked_answer_is_noticed(site: Site, tmp_path: Path) -> None:
    site.chunked, site.ranges, site.cuts = True, False, [100_000]
    fetch(site, tmp_path)
    assert len(site.asked) == 2
    assert contents(tmp_path / "data/raw") == FILES


@pytest.mark.parametrize(
    ("status", "num_requests"),
    [(404, 1), (403, 1), (408, 3), (429, 3), (500, 3), (501, 1), (502, 3), (503, 3), (504, 3)],
)
def test_an_error_answer_names_the_address_and_only_passing_ones_are_asked_again(
    site: Site, tmp_path: Path, status: int, num_requests: int
) -> None:
    site.statuses = [status] * 9
    with pytest.raises(ConnectionError, match=rf"{site.url}/facades\.tar\.gz: .*{status}.*mirror"):
        fetch(site, tmp_path, pauses=(0.0, 0.0))
    assert len(site.asked) == num_requests
    assert_nothing_came(tmp_path)


def test_a_silent_server_is_given_up_after_the_time_limit(site: Site, tmp_path: Path) -> None:
    site.pause_s = 0.5
    with pytest.raises(ConnectionError, match=r"facades\.tar\.gz: no answer .*timed out"):
        fetch(site, tmp_path, pauses=(), timeout_s=0.05)


def test_a_closed_port_is_a_clear_error(site: Site, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        site.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=r"no answer .*refused.*gave up after 2 attempts"):
            fetch(site, tmp_path, pauses=(0.0,))


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
        fetch(site, tmp_path)
    assert len(asked) == 1


def test_an_address_that_is_none_is_a_clear_error(site: Site, tmp_path: Path) -> None:
    site.url = "http://127.0.0.1:port"
    with pytest.raises(ConnectionError, match=r"http://127\.0\.0\.1:port.* is not a web address"):
        fetch(site, tmp_path)
