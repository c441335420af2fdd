"""What the forms take does not depend on whether params.yaml can be read."""

from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema

from pipelines.flows.evaluate_pix2pix import evaluate_pix2pix
from pipelines.flows.train_pix2pix import train_pix2pix
from pipelines.flows.tune_pix2pix import tune_pix2pix
from pipelines.services.deployments import check_forms
from pix2pix.errors import UserError

BROKEN = [None, "", "- 1", "train: [1", "train: 3", "a: 1\na: 2", "\x00"]


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key != "default"}
        return {key: _without_defaults(each) for key, each in kept.items()}
    return [_without_defaults(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("flow", [train_pix2pix, tune_pix2pix, evaluate_pix2pix])
def test_a_file_that_cannot_be_read_leaves_the_forms_as_strict_as_they_were(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, flow: Any
) -> None:
    monkeypatch.chdir(root)
    wanted = _without_defaults(parameter_schema(flow.fn).model_dump())
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    schema = parameter_schema(flow.fn).model_dump()
    assert _without_defaults(schema) == wanted
    forms = [form for name, form in schema["definitions"].items() if name.endswith("Form")]
    assert len(forms) >= 3
    assert all(form["additionalProperties"] is False for form in forms)


@pytest.mark.parametrize("text", BROKEN)
def test_make_up_refuses_a_file_that_the_forms_cannot_show(
    tmp_path: Path, text: str | None
) -> None:
    (tmp_path / "prefect.yaml").write_text("name: x\n")
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml"):
        check_forms(tmp_path)


def test_a_project_without_deployments_needs_no_parameters(tmp_path: Path) -> None:
    check_forms(tmp_path)
