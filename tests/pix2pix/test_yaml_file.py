"""Wrong and harmful parameter files give one message each, at once and with little memory."""

import os
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pix2pix.config import load_params, parse_params
from pix2pix.config.yaml_file import parse_yaml, read_yaml
from pix2pix.errors import UserError

_DEFAULT = Path(__file__).parents[2] / "params/default.yaml"


def _chain(inner: str, repeat: str) -> str:
    """Return YAML of ten levels, each with nine aliases of the level before."""
    levels = "abcdefghij"
    rest = [
        f"{name}: &{name} {repeat.format(','.join([f'*{before}'] * 9))}"
        for before, name in pairwise(levels)
    ]
    return "\n".join([f"a: &a {inner}", *rest])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_chain("[lol]", "[{}]"), "line 7 stands for more than 1 MB"),
        (_chain("{k: 1}", "{{<<: [{}]}}"), "line 7 stands for more than 1 MB"),
        (f"a: &a {'x' * 1000}\nb: [{', '.join(['*a'] * 2000)}]", "line 2 stands for more"),
        ("a: &a [*a]", r"line 1 contains itself \(\*a\)"),
        ("a: &a\n  b: {c: *a}", r"line 2 contains itself \(\*a\)"),
        ("[" * 100_000, "nested more than 32 levels"),
        ("{a: " * 100_000, "nested more than 32 levels"),
        ("- " * 100_000, "nested more than 32 levels"),
        ("x" * 1_000_001, "parameters take less than 1 MB"),
        ("a: 1\na: 2", r'line 2: .*duplicate key "a" with value "2" \(original value: "1"\)$'),
        ("a: 1\n---\nb: 2", "found another document"),
        ("a: *b", "undefined alias"),
        ("a: !!python/object/apply:os.system ['touch executed']", "could not determine"),
        ("a: !!int b", "not valid YAML"),
        ("a: !!float b", "not valid YAML"),
        ("a: !!bool b", "not valid YAML"),
        ("a: !!timestamp b", "not valid YAML"),
        ("a: !!set [1]", "not valid YAML"),
        ("? {a: b}\n: c", "unhashable key"),
        (f"a: {'9' * 5000}", "not valid YAML: Exceeds the limit"),
        ("a: \0", "not allowed"),
        ("a:\n\tb: 1", "line 2: is indented with a tab; YAML allows spaces alone there"),
        ("ü: 1\na:\n  b: 1\n\tc: 2", "line 4: is indented with a tab"),
    ],
)  # fmt: skip
def test_harmful_yaml_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    started_s = time.monotonic()
    with pytest.raises(UserError, match=message) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))
    assert time.monotonic() - started_s < 2
    assert not Path("executed").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "cp037"])
def test_text_in_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes("name: h\u00f6st".encode(encoding))
    with pytest.raises(UserError, match=r"params\.yaml is not UTF-8 text: .* save it as UTF-8"):
        read_yaml(path)


def test_a_byte_order_mark_and_a_few_aliases_are_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes("\ufeffa: &a {b: 2e-4}\nc: *a\nd: {<<: *a}".encode())
    assert read_yaml(path) == {"a": {"b": 2e-4}, "c": {"b": 2e-4}, "d": {"b": 2e-4}}
    assert parse_yaml("", source="nothing") is None


def test_a_pipe_and_a_folder_are_no_parameter_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", tmp_path):
        with pytest.raises(UserError, match="is a folder or another thing that is no file; move"):
            load_params(path)
    with pytest.raises(UserError, match="is missing"):
        load_params(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("lambda_l1", ".nan", r"train\.lambda_l1: .*finite"),
        ("lambda_l1", "-.inf", r"train\.lambda_l1: .*finite"),
        ("lambda_l1", "1e999", r"train\.lambda_l1: .*finite"),
        ("num_decay_epochs", ".nan", r"train\.num_decay_epochs: .*integer"),
        ("num_decay_epochs", "1" + "0" * 400, r"num_decay_epochs: .*than or equal to 1000000000 "),
        ("early_stopping_epochs", "2001-01-01", "neither text, number"),
        ("early_stopping_epochs", "!!binary aGk=", "neither text, number"),
        ("early_stopping_epochs", "{? [a, b] : c}", "neither text, number"),
        ("early_stopping_epochs", "[[[[1]]]]", r"train\.early_stopping_epochs"),
        ("storage_path", "s3://KEY:secret@bucket/folder", "storage_path holds a key.*AWS_"),
        ("folder_a", "../elsewhere", r"folder_a: '\.\./elsewhere' must be a folder inside of path"),
        ("folder_a", "/etc", "folder_a: '/etc' must be a folder inside"),
        ("folder_b", "a/../../b", "folder_b: .* must be a folder inside"),
        ("folder_b", ".", "folder_b: '.' must be a folder inside"),
        ("folder_b", '"a\\0b"', "folder_b: .* must be a folder inside"),
        ("name", "../../etc", r"data\.name"),
        ("name", "a/b", r"data\.name"),
        ("name", "..", r"data\.name"),
        ("name", '"\\e[2J"', r"data\.name"),
        ("base_url", "file:///etc", r"data\.archive\.base_url"),
        ("base_url", "http://me:secret@host/sets", r"data\.archive\.base_url.*\*\*\*@host"),
        ("base_url", '"http://host/\\r\\nX: y"', r"data\.archive\.base_url"),
    ],
)
def test_a_value_that_no_run_could_use_is_named_without_its_password(
    tmp_path: Path, key: str, value: str, message: str
) -> None:
    text, count = re.subn(rf"(?m)^(\s+{key}:) .*$", r"\1 VALUE", _DEFAULT.read_text(), count=1)
    assert count == 1
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(" VALUE", f" {value}"))
    with pytest.raises(UserError, match=message) as caught:
        load_params(path)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_harmful_mappings_from_forms_are_refused_as_well() -> None:
    circle: dict[str, object] = {}
    circle["data"] = circle
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for mapping, message in (
        (circle, "cannot be written as text"),
        ({"data": deep}, "cannot be written as text"),
        ({"data": 10**5000}, "cannot be written as text"),
        ({"data": b"bytes"}, "neither text"),
        ({"data": "\ud800"}, "half of a character"),
        ({"data": float("nan")}, "data: "),
    ):
        with pytest.raises(UserError, match=message):
            parse_params(mapping)
    while deep:  # freed level by level: all at once would be a recursion of its own
        deep = deep.pop()  # type: ignore[assignment]
