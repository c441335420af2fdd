"""The JSON schema of parameter files, by which editors complete, explain and check keys.

`make schema` writes it to `params/schema.json`; the first line of each parameter file names it.
"""

from typing import Any

from pydantic import TypeAdapter

from pipelines.entrypoint import run
from pipelines.json_files import write_json
from pipelines.repository.presets import SCHEMA_PATH
from pix2pix.config import Params


def params_schema() -> dict[str, Any]:
    """Return the schema of params.yaml and of presets, which may leave out any key."""
    schema = TypeAdapter(Params).json_schema()
    _make_keys_optional(schema, schema["$defs"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _make_keys_optional(section: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Let a section and the sections in it leave out keys.

    The entries of a list, such as `tune.space`, are not sections. They stay complete, because a
    preset can only replace the list as a whole.
    """
    section.pop("required", None)  # two keys may have the same type of section
    for key in section["properties"].values():
        if "$ref" in key:
            _make_keys_optional(definitions[key["$ref"].rpartition("/")[2]], definitions)


def main() -> None:
    """Write params/schema.json."""
    write_json(SCHEMA_PATH, params_schema())


if __name__ == "__main__":
    run(main)
