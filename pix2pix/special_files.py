"""Refuse what is not a plain file: pipes and devices, and links that are not followed."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pix2pix.errors import UserError

_MAX_BYTES = 1 << 32  # of a file that is read as a whole


def read_plain(path: Path) -> bytes:
    """Return the content of a plain file.

    Raises UserError, whose message does not name the file, as `open_plain` does, and for files of
    more than 4 GiB; OSError for folders and for files that cannot be read.
    """
    with open_plain(path) as file:
        num_bytes = os.fstat(file.fileno()).st_size
        if num_bytes > _MAX_BYTES:
            raise UserError(
                f"is too large: it has {num_bytes} bytes, and at most {_MAX_BYTES} are read; cut "
                "it into parts"
            )
        return file.read()


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """Open a plain file for reading.

    Raises UserError for pipes and devices, because reading them can wait for ever; its message does
    not name the file. Raises OSError for folders and for files that cannot be read.
    """
    with open(path, "rb", opener=_opened_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UserError("is a pipe, a socket or a device, not a file; take it away")
        yield file


def _opened_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def refuse_special_files(root: Path) -> None:
    """Raise UserError naming the special files below `root`, or links to folders.

    DVC hashes every file of a dependency, and reading a pipe would block it for ever.
    """
    special = sorted(
        Path(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if not os.path.isfile(os.path.join(folder, name))  # links are followed
    )
    if special:
        raise UserError(
            f"{root} holds pipes, sockets, devices, or links that lead nowhere or in a circle "
            f"({len(special)} of them): {_first(special)}; take them away"
        )
    refuse_linked_folders(root)


def refuse_linked_folders(root: Path) -> None:
    """Raise UserError naming the links to folders below `root`; hidden folders are no data.

    Neither DVC nor `os.walk` follows them: their images would be left out unnoticed, and where a
    link is followed by its name, as the folder of a side, DVC would not notice changes of them.
    """
    linked = []
    for folder, subfolders, _ in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        linked += [Path(folder, name) for name in subfolders]
    if linked := sorted(path for path in linked if path.is_symlink()):
        raise UserError(
            f"{root} holds links to folders, which are not followed ({len(linked)} of them): "
            f"{_first(linked)}; move the folders there, link each of their files (`cp -rs` with "
            f"absolute paths), or make {root} itself a link to the folder that holds all"
        )


def _first(paths: Sequence[Path]) -> str:
    names = ", ".join(ascii(str(path)) for path in paths[:5])
    return names + (", ..." if paths[5:] else "")
