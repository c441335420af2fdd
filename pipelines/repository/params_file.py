"""Change values in the text of a parameter file; its comments and the order of its keys stay."""

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from pipelines.repository.dotted_keys import flatten
from pix2pix.config import Params, load_params, parse_params
from pix2pix.config.yaml_file import parse_yaml, read_yaml, read_yaml_text
from pix2pix.errors import UserError
from pix2pix.files import write_text

PARAMS_FILE = "params.yaml"

Changes = dict[str, tuple[str, str]]  # dotted key to the value before and after, as YAML text


def override_params(project_dir: Path, overrides: Mapping[str, Any]) -> None:
    """Write `overrides` (nested mappings) into the project's params.yaml.

    Raises UserError naming a key that the file does not have, or the file if it cannot be read;
    then nothing is written.
    """
    if not overrides:
        return
    path = project_dir / PARAMS_FILE
    if not path.is_file():
        raise UserError(f"{path} is missing, so nothing in it can be overridden")
    text = read_yaml_text(path)
    try:
        changed = _override_text(text, overrides, name=str(path))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    write_text(path, changed)


def apply_overrides_file(project_dir: Path, overrides_path: Path) -> Changes:
    """Write the values of the file `overrides_path` into the project's params.yaml.

    Returns the values that have changed. Raises UserError as `override_text_by_file` does; then
    nothing is written.
    """
    path = project_dir / PARAMS_FILE
    before = load_params(path)
    text = override_text_by_file(read_yaml_text(path), overrides_path, name=PARAMS_FILE)
    write_text(path, text)
    return changed_values(before, load_params(path))


def override_text(text: str, overrides: Mapping[str, Any], *, name: str) -> str:
    """Return the text of the parameter file `name` with the values of `overrides`.

    Raises UserError if a key or a value is not that of a parameter.
    """
    changed = _override_text(text, overrides, name=name)
    parse_params(parse_yaml(changed, source=name))
    return changed


def override_text_by_file(text: str, overrides_path: Path, *, name: str) -> str:
    """Return the text of the parameter file `name` with the values of the file `overrides_path`.

    Raises UserError naming `overrides_path` if it has no sections with keys, or if a key or a
    value is not that of a parameter.
    """
    overrides = _read_overrides(overrides_path)
    try:
        return override_text(text, overrides, name=name)
    except UserError as error:
        raise UserError(f"{overrides_path} does not fit {name}: {error}") from None


def changed_values(before: Params, after: Params) -> Changes:
    """Return the parameters whose values differ."""
    old, new = (flatten(dataclasses.asdict(params)) for params in (before, after))
    return {key: (old[key], new[key]) for key in old if old[key] != new[key]}


def _read_overrides(path: Path) -> dict[str, Any]:
    overrides = read_yaml(path)
    if not overrides:
        raise UserError(f"{path} holds no parameters")
    if not isinstance(overrides, dict):
        raise UserError(f"{path} must hold sections as {PARAMS_FILE} does, got {overrides!r}")
    return overrides


def _override_text(text: str, overrides: Mapping[str, Any], *, name: str) -> str:
    # The text is also parsed as plain values because only this reports every invalid text.
    parse_yaml(text, source=name)
    yaml = _round_trip_yaml()
    document = yaml.load(text)
    _override(document, overrides)
    changed = io.StringIO()
    yaml.dump(document, changed)
    return changed.getvalue()


def _override(document: Any, overrides: Mapping[str, Any], *, section: str = "") -> None:
    for key, value in overrides.items():
        dotted = f"{section}{key}"
        if not isinstance(document, dict) or key not in document:
            raise UserError(f"there is no key {dotted} to override")
        if isinstance(value, Mapping):
            _override(document[key], value, section=f"{dotted}.")
        elif isinstance(document[key], Mapping):
            raise UserError(
                f"{dotted} is a section: name the keys in it that are to be overridden, "
                f"got {value!r} for the whole section"
            )
        else:
            document[key] = _as_inline_list(value)


def _as_inline_list(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    written = CommentedSeq(value)
    written.fa.set_flow_style()
    return written


def _round_trip_yaml() -> YAML:
    """Return a YAML reader and writer that keeps comments, quotes, the order and `null`."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096  # long lines stay as they are
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _NullRepresenter
    return yaml


class _NullRepresenter(RoundTripRepresenter):
    """Writes None as `null`; ruamel's own representer leaves the value empty."""


_NullRepresenter.add_representer(
    type(None),
    lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"),
)
