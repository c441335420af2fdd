"""What an archive may hold, and that a wrong one leaves nothing."""

import gzip
import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from pix2pix.errors import StorageError, UserError
from pix2pix.sources.archive import ArchiveRecord
from tests.support.archive_site import FILES, Site, assert_nothing_came, fetch, tar_gz
from tests.support.folders import contents


def _entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def test_an_archive_is_unpacked_without_its_top_folder_and_recorded(
    site: Site, tmp_path: Path
) -> None:
    record = fetch(site, tmp_path)
    assert contents(tmp_path / "data/raw") == FILES
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
    fetch(site, tmp_path)
    ledger = (tmp_path / "archives.json").read_bytes()
    (tmp_path / "data/raw/train/1.jpg").write_bytes(b"spoilt")
    (tmp_path / "data/raw/stray.jpg").write_bytes(b"stray")
    fetch(site, tmp_path)
    assert len(site.asked) == 1
    assert contents(tmp_path / "data/raw") == FILES
    assert (tmp_path / "archives.json").read_bytes() == ledger


def test_another_file_than_the_recorded_one_is_refused_and_not_kept(
    site: Site, tmp_path: Path
) -> None:
    expected = fetch(site, tmp_path).sha256
    ledger = (tmp_path / "archives.json").read_bytes()
    (tmp_path / "cache/facades.tar.gz").unlink()
    good, site.content = site.content, tar_gz({"facades/train/1.jpg": b"forged"})
    found = hashlib.sha256(site.content).hexdigest()
    with pytest.raises(ValueError, match=f"facades.tar.gz.*{expected}.*{found}.*delete the entry"):
        fetch(site, tmp_path)
    assert contents(tmp_path / "cache") == {"facades.tar.gz.refused": site.content}
    assert contents(tmp_path / "data/raw") == FILES
    assert (tmp_path / "archives.json").read_bytes() == ledger
    site.content = good
    assert fetch(site, tmp_path).sha256 == expected


def test_a_cached_file_that_was_damaged_is_refused(site: Site, tmp_path: Path) -> None:
    fetch(site, tmp_path)
    archive = tmp_path / "cache/facades.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match=r"now named .*\.gz\.refused, and the next run downloads"):
        fetch(site, tmp_path)
    assert not archive.exists()


def test_a_sound_archive_of_the_same_size_is_another_file(site: Site, tmp_path: Path) -> None:
    """A byte of gzip's header that nobody reads tells the two apart, and so does their hash."""
    fetch(site, tmp_path)
    archive = tmp_path / "cache/facades.tar.gz"
    content = bytearray(archive.read_bytes())
    content[4] ^= 1  # the time
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not the file that .*archives\.json records"):
        fetch(site, tmp_path)


def test_an_archive_of_the_user_is_never_deleted(site: Site, tmp_path: Path) -> None:
    own = tar_gz({"facades/pictures/1.jpg": b"first"})
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/facades.tar.gz").write_bytes(own)
    with pytest.raises(UserError, match=r"no folder train/.*now named .*facades\.tar\.gz\.refused"):
        fetch(site, tmp_path)
    assert contents(tmp_path / "cache") == {"facades.tar.gz.refused": own}
    other = tar_gz({"facades/pictures/1.jpg": b"second"})
    (tmp_path / "cache/facades.tar.gz").write_bytes(other)
    with pytest.raises(UserError, match=r"now named .*facades\.tar\.gz\.refused-"):
        fetch(site, tmp_path)
    assert sorted(contents(tmp_path / "cache").values()) == sorted([own, other])
    fetch(site, tmp_path)  # downloaded
    assert contents(tmp_path / "data/raw") == FILES


def test_a_sound_archive_stays_where_the_disk_refuses_one_of_its_names(
    site: Site, tmp_path: Path
) -> None:
    site.content = tar_gz({f"facades/train/{'n' * 300}.jpg": b"first"})
    with pytest.raises(StorageError, match="on this disk"):
        fetch(site, tmp_path)
    assert contents(tmp_path / "cache") == {"facades.tar.gz": site.content}
    assert not (tmp_path / "data/raw").exists()


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
    site.content = tar_gz({"facades/train/1.jpg": b"first"}, entry)
    with pytest.raises(ValueError, match=reason) as caught:
        fetch(site, tmp_path)
    assert repr(entry.name) in str(caught.value)
    assert_nothing_came(tmp_path, refused=site.content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", r"not a complete gzip tar.*<!DOCTYPE html>"),
        (b"", "not a complete gzip tar"),
        (gzip.compress(b"no tar " * 200), "not a complete gzip tar"),
        (tar_gz({"facades/train/1.jpg": FILES["train/2.jpg"]})[:200_000], "not a complete gzip"),
        (tar_gz({"facades/train/1.jpg": b"first"})[:-1], "not a complete gzip"),
        (tar_gz({"facades/train/1.jpg": b"first"})[:-8] + bytes(8), "not a complete gzip"),
        (tar_gz({}), "empty archive"),
        (tar_gz({"facades": b"file"}), "'facades' lies outside of the folder"),
        (tar_gz({"facades/pictures/1.jpg": b"first"}), r"no folder train/.*pictures"),
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
        fetch(site, tmp_path)
    assert_nothing_came(tmp_path, refused=site.content)


@pytest.mark.parametrize("text", ["{", '{"facades": {"sha256": "ab"}}', "[]"])
def test_a_spoilt_ledger_is_named(site: Site, tmp_path: Path, text: str) -> None:
    (tmp_path / "archives.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"archives\.json is not a record of archives: .*checkout`$"
    ):
        fetch(site, tmp_path)
    assert site.asked == []


def test_records_of_other_data_sets_are_kept(site: Site, tmp_path: Path) -> None:
    other = {"maps": {"sha256": "ab", "size_bytes": 1, "url": "http://maps"}}
    (tmp_path / "archives.json").write_text(json.dumps(other))
    fetch(site, tmp_path)
    ledger = json.loads((tmp_path / "archives.json").read_text())
    assert list(ledger) == ["facades", "maps"]
    assert ledger["maps"] == other["maps"]
