"""Forms of the flows: what params.yaml takes is taken, what it refuses is refused."""

import dataclasses
import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from markdown_it import MarkdownIt
from prefect.utilities.callables import parameter_schema
from pydantic import TypeAdapter, ValidationError

from pipelines.flows.parameters import DataForm, ModelForm, TrainForm, TuneForm, given
from pipelines.flows.train_pix2pix import nested, train_pix2pix
from pix2pix.config import Params, load_params


def test_only_what_was_given_overrides() -> None:
    train = TrainForm.model_validate({"num_epochs": 3, "num_workers": [1, 2], "storage_path": None})
    data = DataForm.model_validate({"synthetic": {"seed": 4}})
    assert given(train=train, data=data, model=ModelForm()) == {
        "train": {"num_epochs": 3, "num_workers": [1, 2], "storage_path": None},
        "data": {"synthetic": {"seed": 4}},
    }


def test_lists_are_taken_and_extra_sources_are_completed() -> None:
    space = [{"key": "train.learning_rate", "kind": "loguniform", "low": 0.1, "high": 0.2}]
    side = {"kind": "image", "channels": 1, "value_range": [0, 5]}
    keys = {
        "side_a": {"value_range": [0.0, 1.0]},
        "extra_sources": [{"name": "depth", "folder": "depth", "side": side}],
    }
    data, tune = DataForm.model_validate(keys), TuneForm.model_validate({"space": space})
    found = given(data=data, tune=tune)
    assert found["tune"] == {"space": space}
    assert found["data"]["side_a"] == keys["side_a"]
    (depth,) = found["data"]["extra_sources"]
    assert depth["side"].items() > side.items()
    assert depth["side"]["num_labels"] is None


def test_the_form_of_an_extra_source_asks_for_few_keys() -> None:
    definitions = parameter_schema(train_pix2pix).model_dump()["definitions"]
    assert definitions["SideConfig"]["required"] == ["kind", "channels"]


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"learning_rate": -1}, "learning_rate"),
        ({"learning_rate": "0.1"}, "learning_rate"),
        ({"num_epochs": 1.5}, "num_epochs"),
        ({"precision": "fp64"}, "precision"),
        ({"lambda_L1": 1}, "lambda_L1"),
        ({"num_workers": 0}, "num_workers"),
    ],
)
def test_what_params_yaml_refuses_is_refused(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        TrainForm.model_validate(keys)


def test_every_key_is_in_the_form_with_its_text_and_the_value_in_force(
    root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    schema = parameter_schema(train_pix2pix).model_dump()
    values = json.loads(json.dumps(dataclasses.asdict(load_params())))
    for section in dataclasses.fields(Params):
        _check(schema, schema["properties"][section.name], values[section.name])
    learning_rate = _definition(schema, schema["properties"]["train"])["properties"][
        "learning_rate"
    ]
    assert learning_rate["description"] == (
        "Learning rate of the Adam optimiser of both networks, above 0 and at most 1. "
        "The published recipe uses 0.0002."
    )
    assert (learning_rate["exclusiveMinimum"], learning_rate["maximum"]) == (0, 1)
    precision = _definition(schema, schema["properties"]["train"])["properties"]["precision"]
    assert precision["enum"] == ["auto", "float32", "bfloat16"]
    assert set(schema["properties"]) >= {"revision", "include_local_changes", "targets"}
    assert schema.get("required", []) == []


def _definition(schema: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    reference = about.get("$ref") or about["allOf"][0]["$ref"]
    found: dict[str, Any] = schema["definitions"][reference.rpartition("/")[2]]
    return found


def _check(schema: dict[str, Any], about: dict[str, Any], values: dict[str, Any]) -> None:
    definition = _definition(schema, about)
    assert set(definition["properties"]) == set(values)
    assert definition.get("required", []) == []
    for name, value in values.items():
        field = definition["properties"][name]
        assert field["default"] == value
        if isinstance(value, dict):
            _check(schema, field, value)
        else:
            assert re.fullmatch(r"\S(?: ?\S)*\.", field["description"]), (
                field
            )  # sentences, one line


def _descriptions(value: Any) -> Iterator[str]:
    """Of everything but sections, which have other texts in the forms."""
    if isinstance(value, dict):
        if "$ref" not in value and isinstance(text := value.get("description"), str):
            yield text
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _descriptions(each)


def _shown(markdown: str) -> str:
    """What a person reads where Markdown with HTML is rendered: tags are not seen."""
    return html.unescape(re.sub("<[^>]*>", "", MarkdownIt("commonmark").render(markdown))).strip()


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")


def test_prefect_shows_each_description_as_it_was_written() -> None:
    schema = parameter_schema(train_pix2pix).model_dump()
    found = list(_descriptions(schema))
    shown = [_shown(text) for text in found]
    sections = [TypeAdapter(each.type).json_schema() for each in dataclasses.fields(Params)]
    written = [
        text
        for section in sections
        for text in _descriptions([section["properties"], section.get("$defs")])
    ]
    lines = {" ".join(text.split()).replace("`", "") for text in written}
    assert lines - set(shown) == set()
    assert "(?P<key>.+)_(leftImg8bit|gtFine_color)$" in " ".join(shown)
    assert [_plain(text) for text in found] == shown  # also those of the flow's own parameters


def test_settings_of_the_command_line_are_nested() -> None:
    assert nested(["train.num_epochs=3", "data.synthetic.seed=1", "train.num_workers=[1, 2]"]) == {
        "train": {"num_epochs": 3, "num_workers": [1, 2]},
        "data": {"synthetic": {"seed": 1}},
    }
    with pytest.raises(ValueError, match=r"--set-param seed=1: write section\.key=value"):
        nested(["seed=1"])
