"""Changes of the mapping that params.yaml holds."""

from collections.abc import Callable
from typing import Any


def setting(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    *sections, last = key.split(".")

    def change(mapping: dict[str, Any]) -> None:
        for section in sections:
            mapping = mapping[section]
        mapping[last] = value

    return change
