"""Import libraries that only some file formats need, and that not every environment has."""

import importlib
from typing import Any

from pix2pix.errors import UserError


def library(name: str, *, file_kind: str, extra: str) -> Any:
    """Import a library that the optional dependencies `extra` of this project install.

    Raises UserError naming the extra if the library is not installed; the message does not name
    the file.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise UserError(
            f"is {file_kind} file, which needs {name.partition('.')[0]}: `make setup` installs it, "
            f"or in an environment of your own `pip install -e '.[{extra}]'`"
        ) from None
