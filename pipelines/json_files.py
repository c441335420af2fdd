"""The JSON files by which stages and programs tell each other what they have made."""

import json
from pathlib import Path
from typing import Any

from pix2pix.errors import UserError
from pix2pix.files import write_text


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, completely or not at all. Raises ValueError for NaN and infinities."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path, *, made_by: str) -> Any:
    """Read a JSON file that the stage `made_by` writes.

    Raises UserError naming both if the file is missing or damaged.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro {made_by}` or `dvc pull`")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path} is damaged ({error}); run `dvc repro -f -s {made_by}` or `dvc checkout`"
        ) from None
