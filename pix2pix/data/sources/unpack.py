"""Unpacking of tar archives from elsewhere, without trusting the names in them."""

import gzip
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from pix2pix.errors import UserError

_CHUNK_BYTES = 1 << 20


def unpack_archive(archive: Path, directory: Path) -> None:
    """Unpack a .tar.gz into the existing, empty `directory`, without its single top folder.

    Raises UserError naming the archive and the entry: no gzip tar, damaged, an entry that points
    out of the folder or is neither file nor folder, or more than one top folder. What was unpacked
    until then stays: hand in a temporary folder.
    """
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            top = _unpack_entries(tar, directory, archive=archive)
            # The checksum stands behind the last entry, where tarfile does not read.
            while stream.read(_CHUNK_BYTES):
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        with archive.open("rb") as file:
            start = file.read(40)
        raise UserError(
            f"{archive} is not a complete gzip tar archive: {error} (it begins with {start!r}); "
            "look whether the address serves an error or log-in page instead of the file"
        ) from error
    if top is None:
        raise UserError(f"{archive} is an empty archive")


def _unpack_entries(tar: tarfile.TarFile, directory: Path, *, archive: Path) -> str | None:
    """Unpack entry by entry; the name of the top folder."""
    top = None
    for entry in tar:
        path = _checked_path(entry, archive)
        if not path.parts:
            continue
        top = top or path.parts[0]
        if path.parts[0] != top or (len(path.parts) == 1 and not entry.isdir()):
            raise UserError(
                f"{archive}: entry {entry.name!r} lies outside of the folder {top!r}; the archive "
                "must hold one folder with train/, val/ or test/ in it"
            )
        if len(path.parts) > 1:
            inner = entry.replace(name=str(PurePosixPath(*path.parts[1:])), deep=False)
            tar.extract(inner, directory, filter="data")
    return top


def _checked_path(entry: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    """The entry's path. Raises UserError if it is not a plain file or folder inside."""
    path = PurePosixPath(entry.name)
    reason = None
    if path.is_absolute() or "\\" in entry.name or ":" in entry.name:
        reason = "has an absolute path or one of another system"
    elif ".." in path.parts:
        reason = "points out of the folder"
    elif not (entry.isfile() or entry.isdir()):
        reason = "is a link or a device"
    if reason is not None:
        raise UserError(
            f"{archive}: entry {entry.name!r} {reason}; nothing was unpacked. Get the archive from "
            "a source that you trust"
        )
    return path
