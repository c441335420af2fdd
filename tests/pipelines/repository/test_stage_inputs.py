"""A stage whose parameters or code change while it runs fails, so that DVC records nothing."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.repository.stage_inputs import StageInputs, read_inputs, refuse_changes
from pix2pix.config import Params
from pix2pix.errors import UserError

DVC_YAML = """
stages:
  prepare:
    cmd: nothing
    deps: ["${data.path}", data/raw, code]
    params: [data.image_size, train.seed]
    outs: [data/prepared]
  train:
    cmd: nothing
    deps: [data/prepared, code]
    params: [model, train.learning_rate]
    outs: [models]
  ingest:
    cmd: nothing
    outs: [{data/raw: {persist: true}}]
"""


def _write(params: Params, **changes: dict[str, object]) -> None:
    values = dataclasses.asdict(params)
    for section, changed in changes.items():
        values[section] |= changed
    Path("params.yaml").write_text(json.dumps(values))


@pytest.fixture
def begin(
    default_params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], StageInputs]:
    """A function that returns what a stage begins with in a small project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "any")
    Path("dvc.yaml").write_text(DVC_YAML)
    Path("code").mkdir()
    Path("code/a.py").write_text("1")
    _write(default_params)

    def inputs(stage: str) -> StageInputs:
        begun = read_inputs(stage, default_params)
        assert begun is not None
        return begun

    return inputs


def test_what_the_stage_does_not_depend_on_may_change(
    begin: Callable[[str], StageInputs], default_params: Params
) -> None:
    inputs = begin("train")
    _write(default_params, train={"seed": 7}, register={"experiment": "another"})
    Path("code/__pycache__").mkdir()
    Path("code/__pycache__/a.pyc").write_text("compiled")
    refuse_changes(inputs)


def test_a_changed_parameter_and_changed_code_are_named(
    begin: Callable[[str], StageInputs], default_params: Params
) -> None:
    training, preparation = begin("train"), begin("prepare")
    _write(default_params, train={"learning_rate": 0.0005, "seed": 7}, model={"dropout": 0.25})
    Path("code/a.py").write_text("2")
    Path("code/b.py").write_text("new")
    with pytest.raises(UserError) as caught:
        refuse_changes(training, kept="It is kept")
    assert str(caught.value).startswith(
        "changed while the stage train ran: model.dropout (0.5 -> 0.25), "
        "train.learning_rate (0.0002 -> 0.0005), code/a.py, code/b.py. Its result"
    )
    assert str(caught.value).endswith("Run the same command again. It is kept")
    with pytest.raises(
        UserError, match=r"prepare ran: train\.seed \(0 -> 7\), code/a\.py, code/b\.py"
    ):
        refuse_changes(preparation)


def test_a_stage_that_is_run_by_hand_is_not_checked(
    default_params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC records nothing of it, and it may run where there is no dvc.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    inputs = read_inputs("train", default_params)
    assert inputs is None
    refuse_changes(inputs)
