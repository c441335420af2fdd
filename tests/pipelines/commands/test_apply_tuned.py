"""Files that a study wrote and a person may have changed: each wrong one is one message."""

import dataclasses
from pathlib import Path

import pytest

from pipelines.repository.params_file import apply_overrides_file
from pix2pix.config import load_params
from pix2pix.errors import UserError


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text((root / "params" / "default.yaml").read_text())
    return tmp_path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no parameters"),
        ("# nothing\n", "holds no parameters"),
        ("{}", "holds no parameters"),
        ("[]", "holds no parameters"),
        ("null", "holds no parameters"),
        ("- train", "must hold sections"),
        ("0.1", "must hold sections"),
        ("train", "must hold sections"),
        ("train: 3", "train is a section: name the keys"),
        ("train:", "train is a section: name the keys"),
        ("train: [1]", "train is a section: name the keys"),
        ("1: {seed: 0}", "no key 1 to override"),
        ("? [a]\n: {seed: 0}", "no key .* to override|not valid YAML"),
        ("nothing: {seed: 0}", "no key nothing to override"),
        ("train: {seed: {deep: 1}}", r"train\.seed"),
        ("train: {seed: null}", r"train\.seed"),
        ("train: {seed: 2024-01-01}", "neither text, number"),
        ("train: {1: 2}", r"no key train\.1 to override"),
        ("train: {seed: 0, seed: 1}", "not valid YAML"),
        ("train: {seed: 0}\ntrain: {seed: 1}", "not valid YAML"),
        ("train: [1", "not valid YAML"),
        ("\x00", "not valid YAML"),
        ("data: {synthetic: 3}", r"data\.synthetic is a section"),
        ("train: {seed: .nan}", r"train\.seed"),
    ],
)
def test_a_file_that_holds_no_parameters_is_one_message_and_nothing_is_written(
    project: Path, text: str, reason: str
) -> None:
    before = (project / "params.yaml").read_bytes()
    (project / "best.yaml").write_text(text)
    with pytest.raises(UserError, match=reason) as caught:
        apply_overrides_file(project, project / "best.yaml")
    assert "best.yaml" in str(caught.value)
    assert (project / "params.yaml").read_bytes() == before


def test_bytes_that_are_no_text_are_one_message(project: Path) -> None:
    (project / "best.yaml").write_bytes(b"train: {seed: \xff}")
    with pytest.raises(UserError, match=r"best\.yaml is not UTF-8 text"):
        apply_overrides_file(project, project / "best.yaml")


def test_a_value_deeper_than_a_section_is_applied_and_its_neighbours_stay(project: Path) -> None:
    before = load_params(project / "params.yaml").data.synthetic
    (project / "best.yaml").write_text("data: {synthetic: {seed: 77}}\n")
    assert apply_overrides_file(project, project / "best.yaml") == {
        "data.synthetic.seed": ("0", "77")
    }
    after = load_params(project / "params.yaml").data.synthetic
    assert after == dataclasses.replace(before, seed=77)
