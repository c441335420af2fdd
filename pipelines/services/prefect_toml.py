"""`prefect.toml`: lets `prefect …` typed in the project's folder find the server of this folder."""

import re
from pathlib import Path

from pix2pix.files import write_text

_NAME = "prefect.toml"
_HEAD = "# Written by `make up`, removed by `make down`, unless you change it.\n"
_TEXT = re.compile(re.escape(_HEAD) + r'\[api\]\nurl = "[^"\n]*"\n')


def write_prefect_toml(project: Path, api_url: str) -> bool:
    """Write it; return False and leave it if the user has written or changed it."""
    path = project / _NAME
    if path.exists() and not _is_unchanged(path):
        return False
    write_text(path, f'{_HEAD}[api]\nurl = "{api_url}"\n')
    return True


def remove_prefect_toml(project: Path) -> None:
    """Remove it, unless the user has written or changed it."""
    path = project / _NAME
    if path.exists() and _is_unchanged(path):
        path.unlink()


def _is_unchanged(path: Path) -> bool:
    return _TEXT.fullmatch(path.read_text(encoding="utf-8")) is not None
