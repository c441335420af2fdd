"""Parameters of one run over those of a params.yaml, keeping its comments and its order."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from pix2pix.config.yaml_file import read_yaml
from pix2pix.errors import UserError
from pix2pix.files import write_text

PARAMS_FILE = "params.yaml"


def override_params(project_dir: Path, overrides: Mapping[str, Any]) -> None:
    """Write `overrides` (nested mappings) into the project's params.yaml.

    Raises UserError naming a key that the file does not have, or the file if it cannot be read;
    then nothing is written.
    """
    if not overrides:
        return
    path = project_dir / PARAMS_FILE
    yaml = _round_trip_yaml()
    if not path.is_file():
        raise UserError(f"{path} is missing, so nothing in it can be overridden")
    # Read twice: what cannot be read as plain values is told by that.
    read_yaml(path)
    document = yaml.load(path)
    _override(document, overrides, place=f"{path}: ")
    text = io.StringIO()
    yaml.dump(document, text)
    write_text(path, text.getvalue())


def _override(document: Any, overrides: Mapping[str, Any], *, place: str) -> None:
    for key, value in overrides.items():
        if not isinstance(document, dict) or key not in document:
            raise UserError(f"{place}{key} is not in this file, so it cannot be overridden")
        if isinstance(value, Mapping):
            _override(document[key], value, place=f"{place}{key}.")
        elif isinstance(document[key], Mapping):
            raise UserError(
                f"{place}{key} is a section: name the keys in it that are to be overridden, "
                f"got {value!r} in place of all of them"
            )
        else:
            document[key] = _in_one_line(value)


def _in_one_line(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    written = CommentedSeq(value)
    written.fa.set_flow_style()
    return written


def _round_trip_yaml() -> YAML:
    """Keeps comments, quotes, order, and `null` where it is written."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # no line is broken anew
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _NullRepresenter
    return yaml


class _NullRepresenter(RoundTripRepresenter):
    """Writes `null` out, which is left empty otherwise."""


_NullRepresenter.add_representer(
    type(None),
    lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"),
)
