"""Unpacking of tar archives from elsewhere, without trusting the names and the sizes in them."""

import errno
import gzip
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from pix2pix.errors import StorageError, UserError

_CHUNK_BYTES = 1 << 20
# Pictures are packed already, so the published archives grow by a few per cent. The allowance is
# for archives of few pictures, in which tar's blocks of 512 bytes count.
_MAX_GROWTH = 20
_ALLOWANCE_BYTES = 1 << 28
_MAX_ENTRIES = 1_000_000  # the largest published archive has 139,000
_MAX_DEPTH = 32
_MAX_HEADER_BYTES = 1 << 20  # tarfile reads the long headers of an entry into memory

# What an archive can cause by names that contradict each other: a file that is also to be a folder.
_CONTRADICTIONS = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY})
# A name that is too long for this disk, or has characters that it does not take.
_NO_NAME_HERE = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
# What tarfile raises on damaged headers; the recursion is its own, from header to header.
_DAMAGED = (
    tarfile.TarError,
    gzip.BadGzipFile,
    EOFError,
    zlib.error,
    ValueError,
    OverflowError,
    LookupError,
    RecursionError,
    MemoryError,
)


def unpack_archive(archive: Path, directory: Path) -> None:
    """Unpack a .tar.gz into the existing, empty `directory`, without its single top folder.

    Raises UserError naming the archive and the entry: no gzip tar, damaged, an entry that points
    out of the folder or is neither file nor folder, more than one top folder, more entries or bytes
    than pictures can explain. Raises StorageError if the disk does not take it. What was unpacked
    until then stays: hand in a temporary folder.
    """
    try:
        with gzip.open(archive) as packed:
            stream = _Bounded(packed, archive)
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:") as tar:
                top = _unpack_entries(tar, directory, archive=archive)
            if stream.last_block.strip(b"\0"):  # tarfile takes a damaged header for the end
                raise UserError(f"{archive} is damaged: one of its headers cannot be read")
            # The checksum stands behind the last entry, where tarfile does not read.
            while stream.read(_CHUNK_BYTES):
                pass
    except UserError:
        raise
    except _DAMAGED as error:
        raise _unreadable(archive, error) from error
    if top is None:
        raise UserError(f"{archive} is an empty archive")


class _Bounded:
    """What is read of a stream, until it is more than an archive of pictures holds."""

    def __init__(self, stream: Any, archive: Path) -> None:
        self._stream, self._archive = stream, archive
        self._max_bytes = _ALLOWANCE_BYTES + _MAX_GROWTH * archive.stat().st_size
        self.tell = stream.tell
        self.last_block = b""

    def read(self, size: int) -> bytes:
        """At most `size` bytes. Raises UserError."""
        if size > _MAX_HEADER_BYTES:
            raise UserError(
                f"{self._archive}: a header claims to be {size} bytes long; {_TRUSTED_SOURCE}"
            )
        self.last_block = self._stream.read(size)
        self._check(self._stream.tell())
        return self.last_block

    def seek(self, position: int) -> None:
        """Go to a position, forwards only: a header may not lead back to itself."""
        here = self._stream.tell()
        self._check(position)
        if position < here:
            raise UserError(f"{self._archive}: a header points back; {_TRUSTED_SOURCE}")
        self._stream.seek(position)

    def _check(self, position: int) -> None:
        if position > self._max_bytes:
            raise UserError(
                f"{self._archive} unpacks to more than {self._max_bytes} bytes, which no archive "
                f"of pictures of its size does; {_TRUSTED_SOURCE}"
            )


_TRUSTED_SOURCE = "nothing was unpacked. Get the archive from a source that you trust"


def _unpack_entries(tar: tarfile.TarFile, directory: Path, *, archive: Path) -> str | None:
    """Unpack entry by entry; the name of the top folder."""
    top = None
    for number, entry in enumerate(tar):
        if number >= _MAX_ENTRIES:
            raise UserError(f"{archive} has more than {_MAX_ENTRIES} entries; {_TRUSTED_SOURCE}")
        tar.members.clear()  # type: ignore[attr-defined]  # else tarfile keeps them all
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
            _extract(tar, inner, directory, archive=archive)
    return top


def _extract(
    tar: tarfile.TarFile, entry: tarfile.TarInfo, directory: Path, *, archive: Path
) -> None:
    """One file or folder. Raises UserError for contradictory names, StorageError."""
    try:
        tar.extract(entry, directory, filter="data")
    except (gzip.BadGzipFile, tarfile.TarError):
        raise
    except OSError as error:
        if error.errno in _CONTRADICTIONS:
            raise UserError(
                f"{archive}: entry {entry.name!r} cannot be a file ({error.strerror}); "
                f"{_TRUSTED_SOURCE}"
            ) from error
        if error.errno in _NO_NAME_HERE:
            raise _no_name_here(archive, entry, error) from error
        raise StorageError(
            f"{directory / entry.name} cannot be written ({error.strerror or error}); make room "
            "for it and run again"
        ) from error


def _no_name_here(archive: Path, entry: tarfile.TarInfo, error: OSError) -> StorageError:
    named = StorageError(
        f"{archive}: entry {entry.name!r} cannot be a file on this disk ({error.strerror}); move "
        "the project to another disk, or remove that file and take another archive"
    )
    named.errno = error.errno  # which says that trying again does not help
    return named


def _checked_path(entry: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    """The entry's path. Raises UserError if it is not a plain file or folder inside."""
    path = PurePosixPath(entry.name)
    reason = None
    if path.is_absolute() or "\\" in entry.name or ":" in entry.name:
        reason = "has an absolute path or one of another system"
    elif ".." in path.parts:
        reason = "points out of the folder"
    elif len(path.parts) > _MAX_DEPTH:
        reason = f"lies more than {_MAX_DEPTH} folders deep"
    elif not entry.name.isprintable():
        reason = "has a name with characters that cannot be printed"
    elif not (entry.isreg() or entry.isdir()) or entry.issparse():
        reason = "is a link, a device or a file with holes"
    if reason is not None:
        raise UserError(f"{archive}: entry {entry.name!r} {reason}; {_TRUSTED_SOURCE}")
    return path


def _unreadable(archive: Path, error: BaseException) -> UserError:
    with archive.open("rb") as file:
        start = file.read(40)
    return UserError(
        f"{archive} is not a complete gzip tar archive: {error} (it begins with {start!r}); "
        "look whether the address serves an error or log-in page instead of the file"
    )
