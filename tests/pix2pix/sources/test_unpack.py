"""Archives made to harm: what `tarfile` alone would write, read for ever, or end in a traceback."""

import errno
import gzip
import io
import os
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from pix2pix.errors import StorageError, UserError
from pix2pix.sources import unpack
from pix2pix.sources.unpack import unpack_archive
from tests.support.file_size_limit import files_of_at_most
from tests.support.folders import contents

_ZEROS_BYTES = 1 << 24


def _tar(*entries: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _file(name: str, data: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(entry, key, value)
    return entry, data


def _header(name: str, kind: bytes, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    return entry.tobuf(tarfile.GNU_FORMAT)


_GOOD = _tar(_file("sets/train/1.jpg"))
_ENTRY = _GOOD[:1024]  # a header and a block of content


def _unpack(tmp_path: Path, content: bytes) -> dict[str, bytes]:
    archive, directory = tmp_path / "sets.tar.gz", tmp_path / "raw"
    archive.write_bytes(gzip.compress(content, compresslevel=1))
    directory.mkdir()
    unpack_archive(archive, directory)
    return contents(directory)


def _recorded_size(header: bytes, size: bytes) -> bytes:
    """The header with another size field, and the check sum that fits it."""
    changed = header[:124] + size + header[136:148] + b" " * 8 + header[156:]
    return changed[:148] + b"%06o\0 " % sum(changed) + changed[156:]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_header("sets/train/1.jpg", tarfile.REGTYPE, 1 << 40), "not a complete|more than"),
        (_ENTRY + bytes(_ZEROS_BYTES), "unpacks to more than"),
        (_header("sets/1.jpg", tarfile.REGTYPE, _ZEROS_BYTES) + bytes(_ZEROS_BYTES), "more than"),
        (_header("x", tarfile.XHDTYPE, 1 << 33) + bytes(512), "a header claims to be 8589934592"),
        (_header("x", tarfile.GNUTYPE_LONGNAME, 1 << 33) + bytes(512), "a header claims to be"),
        (_header("x", tarfile.XGLTYPE, 1 << 33) + bytes(512), "a header claims to be"),
        (_recorded_size(_ENTRY, b"\xff" * 12) + _ENTRY, "sets.tar.gz"),
        (_recorded_size(_ENTRY, b"\x80" + b"\xff" * 11) + _ENTRY, "sets.tar.gz"),
        (_recorded_size(_ENTRY, b"not a number"), "sets.tar.gz"),
        (_header("x", tarfile.XHDTYPE, 0) * 5000 + _ENTRY, "not a complete gzip tar"),
        (_ENTRY + b"?" * 512 + _ENTRY + bytes(1024), "one of its headers cannot be read"),
        (_ENTRY + _ENTRY[:300], "one of its headers cannot be read"),
        (_tar(_file("sets/" + "d/" * 3000 + "1.jpg")), "more than 32 folders deep"),
        (_tar(_file("sets/a"), _file("sets/a/1.jpg")), "'a/1.jpg' cannot be a file"),
        (_tar(_file("sets/a/1.jpg"), _file("sets/a")), "'a' cannot be a file"),
        (_tar(_file("sets/a\nb.jpg")), "cannot be printed"),
        (_tar(_file("sets/\x1b[2J.jpg")), "cannot be printed"),
        (_tar(_file("x", pax_headers={"path": "sets/a\0b"})), "cannot be printed"),
        (_tar(_file("x", pax_headers={"path": "../sets/a"})), "points out"),
        (_tar(_file("x", pax_headers={"path": "/sets/a"})), "absolute"),
        (_tar(_file("x", pax_headers={"path": "sets/train/1.jpg", "size": "9" * 30})), "sets.tar"),
        (_tar(_file("sets/1.jpg", pax_headers={"GNU.sparse.map": "0,1"})), "file with holes"),
        (_tar(_file("sets/1.jpg", pax_headers={"GNU.sparse.map": "0,x"})), "not a complete"),
    ],
)  # fmt: skip
def test_an_archive_made_to_harm_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, said: str
) -> None:
    monkeypatch.setattr(unpack, "_ALLOWANCE_BYTES", 1 << 20)
    started_s = time.monotonic()
    with pytest.raises(UserError, match=said) as caught:
        _unpack(tmp_path, content)
    assert "sets.tar.gz" in str(caught.value)
    assert time.monotonic() - started_s < 5
    assert [path.name for path in tmp_path.iterdir()] in (
        ["sets.tar.gz", "raw"],
        ["raw", "sets.tar.gz"],
    )


def test_a_name_that_a_disk_refuses_is_no_fault_of_the_archive(tmp_path: Path) -> None:
    with pytest.raises(
        StorageError, match=r"sets\.tar\.gz.*on this disk.*too long.*remove"
    ) as caught:
        _unpack(tmp_path, _tar(_file("sets/train/" + "n" * 300 + ".jpg")))
    assert caught.value.errno == errno.ENAMETOOLONG  # so that no flow tries again


@pytest.mark.parametrize(
    "fields",
    [
        {"pax_headers": {"mtime": "nan"}},
        {"pax_headers": {"mtime": "inf"}},
        {"pax_headers": {"mtime": "-1e300"}},
        {"mode": 0o4777, "uid": 0, "gid": 0},
        {"mode": 0},
        {"pax_headers": {"uid": "-1", "uname": "root", "SCHILY.xattr.user.a": "b"}},
    ],
)
def test_odd_times_owners_and_rights_give_a_plain_file_or_one_message(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    content = _tar(_file("sets/train/1.jpg", **fields))
    if "mtime" in fields.get("pax_headers", {}):
        with pytest.raises(UserError, match=r"sets\.tar\.gz"):
            _unpack(tmp_path, content)
        return
    found = _unpack(tmp_path, content)
    assert found == {"train/1.jpg": b"x"}
    mode = (tmp_path / "raw/train/1.jpg").stat().st_mode
    assert mode & 0o600 == 0o600
    assert not mode & 0o7022


def test_a_million_entries_are_too_many_and_a_hundred_thousand_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """edges2handbags has 139,000; here a thousandth of each."""
    assert unpack._MAX_ENTRIES == 1_000_000
    monkeypatch.setattr(unpack, "_MAX_ENTRIES", 1000)
    folder = tmp_path / "few"
    folder.mkdir()
    names = [f"sets/train/{index}.jpg" for index in range(1001)]
    assert len(_unpack(folder, _tar(*(_file(name) for name in names[:139])))) == 139
    with pytest.raises(UserError, match="more than 1000 entries"):
        _unpack(tmp_path, _tar(*(_file(name) for name in names)))


def test_entries_are_not_gathered_in_memory(tmp_path: Path) -> None:
    seen: list[int] = []

    def count(tar: tarfile.TarFile, *_: object, **__: object) -> None:
        seen.append(len(tar.members))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "_extract", count)
        _unpack(tmp_path, _tar(*(_file(f"sets/train/{index}.jpg") for index in range(50))))
    assert set(seen) == {0}
    assert len(seen) == 50


def test_a_full_disk_is_not_the_archive_s_fault(tmp_path: Path) -> None:
    archive, directory = tmp_path / "sets.tar.gz", tmp_path / "raw"
    archive.write_bytes(gzip.compress(_tar(_file("sets/train/1.jpg", os.urandom(100_000)))))
    directory.mkdir()
    said = r"train/1\.jpg cannot be written.*make room"
    with files_of_at_most(50_000), pytest.raises(StorageError, match=said):
        unpack_archive(archive, directory)
