"""File names that are not UTF-8: most file systems allow them, JSON, DVC and MLflow do not.

Python hands such bytes out as lone surrogates, which fail wherever the name is written.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pix2pix.errors import UserError

REMEDY = (
    "rename it, for example with `convmv -f latin1 -t utf8 --notest -r FOLDER`, and DVC, MLflow "
    "and the manifest can name it"
)


def is_utf8(name: str | Path) -> bool:
    """Whether every byte of a file's name belongs to a UTF-8 character."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(name: str | Path) -> str:
    r"""The name for a person: bytes that are not UTF-8 as \xe9."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def relative_paths(root: Path, paths: Iterable[Path]) -> tuple[str, ...]:
    """Paths relative to the data folder, each once, for a person."""
    return tuple(shown(path.relative_to(root).as_posix()) for path in dict.fromkeys(paths))


def some(names: Sequence[str], *, num_shown: int = 5) -> str:
    """The first of many names."""
    more = ", ..." if len(names) > num_shown else ""
    return ", ".join(names[:num_shown]) + more


def refuse_bad_names(root: Path) -> None:
    """Raise UserError naming the files below `root` whose names are not UTF-8."""
    bad = [
        Path(place, name)
        for place, folders, names in os.walk(root)
        for name in (*folders, *names)
        if not is_utf8(name)
    ]
    if bad:
        listed = "\n".join(f"  {shown(path)}" for path in sorted(bad)[:20])
        more = f"\n  ... and {len(bad) - 20} more" if len(bad) > 20 else ""
        raise UserError(
            f"{len(bad)} name(s) below {shown(root)} are not UTF-8; {REMEDY}:\n{listed}{more}"
        )
