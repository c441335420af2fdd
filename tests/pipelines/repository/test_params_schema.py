"""The JSON schema of parameter files: it is current, and it refuses what the pipeline refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipelines.repository.params_schema import params_schema
from pipelines.repository.presets import preset_names
from pix2pix.config.yaml_file import parse_yaml, read_yaml

ROOT = Path(__file__).parents[3]
PATHS = [ROOT / "params.yaml", *(ROOT / "params" / f"{name}.yaml" for name in preset_names(ROOT))]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema: dict[str, Any] = json.loads((ROOT / "params" / "schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_committed_schema_is_current() -> None:
    """`make schema` writes it."""
    assert json.loads((ROOT / "params" / "schema.json").read_text()) == params_schema()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_parameter_file_names_the_schema_and_satisfies_it(
    path: Path, validator: Draft202012Validator
) -> None:
    first_line = path.read_text().splitlines()[0]
    named = first_line.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == ROOT / "params" / "schema.json"
    assert [error.message for error in validator.iter_errors(read_yaml(path))] == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("trains: {}", []),
        ("train: {num_epoch: 3}", ["train"]),
        ("data: {synthetic: {size: 3}}", ["data", "synthetic"]),
        ("data: {side_b: {kind: picture}}", ["data", "side_b", "kind"]),
        ("train: {num_epochs: many}", ["train", "num_epochs"]),
        ("augment: {horizontal_flip: 1.5}", ["augment", "horizontal_flip"]),
        ("tune: {space: [{key: train.beta1, kind: uniform, low: 0.3}]}", ["tune", "space", 0]),
    ],
)
def test_the_error_for_a_wrong_key_or_value_has_its_path(
    text: str, key: list[str | int], validator: Draft202012Validator
) -> None:
    [error] = validator.iter_errors(parse_yaml(text, source="test"))
    assert list(error.absolute_path) == key
