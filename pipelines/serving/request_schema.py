"""What the body of `POST /translate` can be, in the words of OpenAPI."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.serving.messages import FIRST_FIELD
from pipelines.serving.requests import JSON

_FILE = {"type": "string", "format": "binary"}
_BASE64 = {"type": "string", "format": "byte"}


def request_body(models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the body of a request to any of the models, which `GET /models` describes so.

    Only the field of the first source is required of each model.
    """
    users: dict[str, list[str]] = {}
    for each in models:
        for name in each["extra_sources"]:
            users.setdefault(name, []).append(each["model"])
    names = {
        name: f"The source {name}, for {', '.join(needing)}." for name, needing in users.items()
    }
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _fields(_FILE, names)},
            JSON: {"schema": _fields(_BASE64, names)},
            "image/*": {"schema": _FILE},
            "application/x-npy": {"schema": _FILE},
        },
    }


def _fields(content: Mapping[str, str], descriptions: Mapping[str, str]) -> dict[str, Any]:
    extra = {name: {**content, "description": text} for name, text in descriptions.items()}
    return {
        "type": "object",
        "required": [FIRST_FIELD],
        "properties": {FIRST_FIELD: dict(content), **extra},
    }
