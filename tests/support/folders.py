"""What a folder holds, and empty files in it."""

import hashlib
from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of each file in a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, by relative path."""
    return {name: hashlib.sha256(held).hexdigest() for name, held in contents(folder).items()}


def touch(root: Path, *names: str) -> None:
    """Empty files, and the folders in which they lie."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
