"""Nested parameters as one mapping with dotted keys, as tables and MLflow show them."""

import json
from collections.abc import Mapping
from typing import Any


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested mappings as one with dotted keys; values as in params.yaml (null, true, 0.5).

    >>> flatten({"train": {"seed": 0, "use_gpu": False}})
    {'train.seed': '0', 'train.use_gpu': 'false'}
    """
    flat: dict[str, str] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat
