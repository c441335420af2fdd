"""Check and print file names, also those that are not UTF-8.

Most file systems allow such names; JSON, DVC and MLflow do not. Python represents their bytes as
lone surrogates (PEP 383), and writing a string with lone surrogates raises an error.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pix2pix.errors import UserError
from pix2pix.plural import counted

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


def printable(name: str | Path) -> str:
    r"""The name for a message or a report: a byte that is not UTF-8 is written as \xe9."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def relative_paths(root: Path, paths: Iterable[Path]) -> tuple[str, ...]:
    """The paths relative to `root`, without repetitions, as text for messages and reports."""
    return tuple(printable(path.relative_to(root).as_posix()) for path in dict.fromkeys(paths))


def first_names(names: Sequence[str], *, max_names: int = 5) -> str:
    """Join the first names with commas, and ", ..." if there are more."""
    more = ", ..." if len(names) > max_names else ""
    return ", ".join(names[:max_names]) + more


def refuse_bad_names(root: Path) -> None:
    """Raise UserError naming the files below `root` whose names are not UTF-8."""
    bad = [
        Path(folder, name)
        for folder, folders, names in os.walk(root)
        for name in (*folders, *names)
        if not is_utf8(name)
    ]
    if bad:
        listed = "\n".join(f"  {printable(path)}" for path in sorted(bad)[:20])
        more = f"\n  ... and {len(bad) - 20} more" if len(bad) > 20 else ""
        raise UserError(
            f"below {printable(root)}, {counted(len(bad), 'name', verb='are')} not UTF-8; "
            f"{REMEDY}:\n{listed}{more}"
        )
