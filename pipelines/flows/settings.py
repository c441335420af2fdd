"""Convert command line settings such as `-S train.num_epochs=3` to sections of params.yaml."""

import json
from collections.abc import Sequence
from typing import Any

from pix2pix.config.yaml_file import parse_yaml
from pix2pix.errors import UserError


def nested(settings: Sequence[str]) -> dict[str, Any]:
    """Convert settings such as `train.num_epochs=3` to nested mappings; values are YAML.

    Raises UserError naming a setting of another form, a value that params.yaml cannot store, or
    two settings that contradict each other.
    """
    sections: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for setting in settings:
        key, is_set, value = setting.partition("=")
        parts = key.split(".")
        if not is_set or len(parts) < 2 or not all(part.strip() for part in parts):
            raise UserError(f"--set-param {setting}: write section.key=value")
        _check_against(values, key)
        values[key] = _parsed(setting, value)
        mapping = sections
        for section in parts[:-1]:
            mapping = mapping.setdefault(section, {})
        mapping[parts[-1]] = values[key]
    return sections


def _check_against(others: dict[str, Any], key: str) -> None:
    for other in others:
        if key == other:
            raise UserError(f"--set-param {key} is given twice; give it once")
        if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
            section, inside = sorted((key, other), key=len)
            raise UserError(
                f"--set-param: {section} and {inside} cannot both be set, as {inside} lies in "
                f"{section}; give one of them"
            )


def _parsed(setting: str, text: str) -> Any:
    value = parse_yaml(text, source=f"--set-param {setting[:200]}: the value")
    try:
        json.dumps(value)  # what params.yaml may hold: text, numbers, lists, mappings
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"--set-param {setting}: the value is neither text, number, list nor mapping: {error}"
        ) from None
    return value
