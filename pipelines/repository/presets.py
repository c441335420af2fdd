"""Presets: the files below `params/` with the parameters of typical runs.

`params/default.yaml` is complete. Every other file has only the keys that it changes. Programs
read `params.yaml`; `use_preset` writes the complete text of a preset there.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any

from pipelines.repository.params_file import (
    PARAMS_FILE,
    Changes,
    changed_values,
    override_text_by_file,
)
from pix2pix.config import Params, load_params, parse_params
from pix2pix.config.yaml_file import parse_yaml, read_yaml, read_yaml_text
from pix2pix.errors import UserError
from pix2pix.files import write_text

PRESETS_DIR = Path("params")
DEFAULT = "default"
TASKS = "tasks/"  # the folder of presets that may be left out of their names
SCHEMA_PATH = PRESETS_DIR / "schema.json"

logger = logging.getLogger(__name__)

_SCHEMA_LINE = "# yaml-language-server: $schema="  # editors read the path of the schema here


def preset_names(project_dir: Path = Path()) -> list[str]:
    """Return the sorted names of all presets: paths below `params/` without `.yaml`."""
    folder = project_dir / PRESETS_DIR
    paths = folder.rglob("*.yaml")
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in paths)


def complete_preset(name: str, project_dir: Path = Path()) -> str:
    """Return the text of params.yaml for a preset: the default with the values of the preset.

    The comments of the default are kept, except for those at its top, which are replaced by those
    at the top of the preset. Raises UserError naming an unknown preset, or the file of a preset
    that does not fit the default.
    """
    path = _preset_path(name, project_dir)
    default_path = _preset_path(DEFAULT, project_dir)
    default_text = read_yaml_text(default_path)
    values = default_text[len("".join(_top_comments(default_text))) :]
    if name != DEFAULT:
        values = override_text_by_file(values, path, name=str(default_path))
    return _top(name, _top_comments(read_yaml_text(path))) + values


def preset_params(name: str, project_dir: Path = Path()) -> Params:
    """Return the parameters of a preset. Raises UserError as `complete_preset` does."""
    text = complete_preset(name, project_dir)
    return parse_params(parse_yaml(text, source=str(_preset_path(name, project_dir))))


def preset_mappings(project_dir: Path = Path()) -> dict[str, dict[str, Any]]:
    """Return the parameters of each preset by its name, sections as nested mappings.

    A preset that cannot be read is left out, with a warning. Values are completed here, and not
    texts as in `complete_preset`, because that takes a third of a second for each preset.
    """
    mappings: dict[str, dict[str, Any]] = {}
    folder = project_dir / PRESETS_DIR
    for name in preset_names(project_dir):
        try:
            values = read_yaml(folder / f"{DEFAULT}.yaml")
            if name != DEFAULT:
                values = _merged(values, read_yaml(folder / f"{name}.yaml"))
            mappings[name] = asdict(parse_params(values))
        except UserError as error:
            logger.warning("the preset %r cannot be used: %s", name, error)
    return mappings


def _merged(values: Any, changes: Any) -> Any:
    """Return nested mappings with the values of `changes` in place of their own."""
    if not (isinstance(values, Mapping) and isinstance(changes, Mapping)):
        return changes
    return {**values, **{key: _merged(values.get(key), each) for key, each in changes.items()}}


def preset_sentences(project_dir: Path = Path()) -> dict[str, str]:
    """Return what each preset is for, by its name: the first sentence of its comments.

    Raises UserError if there are no presets.
    """
    folder = project_dir / PRESETS_DIR
    return {
        name: _first_sentence(read_yaml_text(folder / f"{name}.yaml"))
        for name in _names_of_project(project_dir)
    }


def use_preset(name: str, project_dir: Path = Path()) -> Changes | None:
    """Write the complete text of a preset to the project's params.yaml, as `put_in_force` does.

    Raises UserError as `complete_preset` does, or StorageError; then params.yaml stays as it is.
    """
    return put_in_force(complete_preset(name, project_dir), project_dir)


def put_in_force(text: str, project_dir: Path = Path()) -> Changes | None:
    """Write a complete text to the project's params.yaml.

    Returns the values that have changed, or None if there was no valid params.yaml before. Raises
    StorageError; then params.yaml stays as it is.
    """
    path = project_dir / PARAMS_FILE
    try:
        before = load_params(path)
    except UserError:
        before = None
    write_text(path, text)
    return None if before is None else changed_values(before, load_params(path))


def _preset_path(name: str, project_dir: Path) -> Path:
    """The file of a preset, of which the folder may be left out: colourise is tasks/colourise."""
    names = _names_of_project(project_dir)
    found = [name] if name in names else [each for each in names if each.endswith(f"/{name}")]
    if len(found) != 1:
        typed = [each.removeprefix(TASKS) for each in names]
        alike = get_close_matches(name.removeprefix(TASKS), typed, n=1)
        meant = f"did you mean {alike[0]}? There" if alike else "there"
        raise UserError(f"{name!r} is no preset; {meant} are: {', '.join(typed)}")
    return project_dir / PRESETS_DIR / f"{found[0]}.yaml"


def _names_of_project(project_dir: Path) -> list[str]:
    """As `preset_names`. Raises UserError if there is none: the folder is not the project's."""
    names = preset_names(project_dir)
    if not names:
        raise UserError(
            f"the folder {project_dir / PRESETS_DIR} is missing or empty; run the command in the "
            "project's folder, which holds dvc.yaml"
        )
    return names


def _first_sentence(text: str) -> str:
    comments = [line for line in _top_comments(text) if not line.startswith(_SCHEMA_LINE)]
    joined = " ".join(line.removeprefix("#").strip() for line in comments)
    return re.split(r"(?<=\.) (?=[A-Z])", joined)[0]


def _top_comments(text: str) -> list[str]:
    """Return the comment lines before the first line that is not a comment."""
    return list(takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))


def _top(name: str, comments: Sequence[str]) -> str:
    about = [line for line in comments if not line.startswith(_SCHEMA_LINE)]
    return "".join(
        [
            f"{_SCHEMA_LINE}{SCHEMA_PATH.as_posix()}\n",
            *about,
            f"# `pix2pix use {name}` writes this file. Each key is described in pix2pix/config.\n",
        ]
    )
