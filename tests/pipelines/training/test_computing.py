import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import pipelines.training.computing
from pipelines.runs.folder import Folder, open_folder
from pipelines.training.computing import agreed_precision, recorded_precision, with_precision
from pix2pix.config import Params
from pix2pix.training.computing import Choice, Hardware, Units

CPU = torch.device("cpu")
Machine = Callable[[Units], None]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a function that sets the hardware that this process has for the test."""

    def set_units(units: Units) -> None:
        hardware = Hardware("this CPU (X)", units)
        monkeypatch.setattr(pipelines.training.computing, "hardware_of", lambda _device: hardware)

    return set_units


@pytest.fixture
def run(tmp_path: Path) -> Folder:
    return open_folder(str(tmp_path / "run"))


def _with_precision(params: Params, precision: Any) -> Params:
    return dataclasses.replace(params, train=dataclasses.replace(params.train, precision=precision))


@pytest.mark.parametrize("units", [*Units])
def test_the_choice_is_recorded_and_replaces_auto(
    units: Units, run: Folder, on: Machine, small_params: Params
) -> None:
    params = _with_precision(small_params, "auto")
    on(units)
    choice = agreed_precision(params.train, run, CPU)
    assert choice.precision == ("bfloat16" if units is Units.MATRIX else "float32")
    assert recorded_precision(run) == choice
    assert with_precision(params, choice) == _with_precision(params, choice.precision)


def test_a_training_continues_in_the_precision_of_its_begin(
    run: Folder, on: Machine, small_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    config = _with_precision(small_params, "auto").train
    on(Units.MATRIX)
    begun = agreed_precision(config, run, CPU)
    assert caplog.records == []
    on(Units.NONE)
    assert agreed_precision(config, run, CPU) == begun
    (record,) = caplog.records
    assert record.levelno == logging.WARNING  # which reaches the console from a worker
    assert "emulated here" in record.getMessage()


def test_a_precision_in_params_yaml_counts_more_than_the_recorded_one(
    run: Folder, on: Machine, small_params: Params
) -> None:
    """The parameters of a trial of a population change while it runs."""
    on(Units.NONE)
    for precision in ("auto", "bfloat16", "float32"):
        choice = agreed_precision(_with_precision(small_params, precision).train, run, CPU)
        assert choice.precision == ("float32" if precision == "auto" else precision)
        assert recorded_precision(run) == choice


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        ([("bfloat16", False), ("bfloat16", False)], "bfloat16"),
        ([("bfloat16", False), ("float32", False)], "float32"),
        ([("float32", False), ("bfloat16", False)], "float32"),
        ([("bfloat16", True), ("float32", False)], "bfloat16"),  # rank 0 knows it from before
    ],
)
@pytest.mark.parametrize("here", [0, 1])
def test_ranks_on_different_machines_agree(
    ranks: list[tuple[Any, bool]],
    expected: str,
    here: int,
    run: Folder,
    on: Machine,
    small_params: Params,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choices = [(Choice(precision, "its hardware"), known) for precision, known in ranks]

    def gather(gathered: list[Any], own: tuple[Choice, bool]) -> None:
        assert own[0].precision == ranks[here][0]
        gathered[:] = choices

    monkeypatch.setattr(pipelines.training.computing, "world_size", lambda: 2)
    monkeypatch.setattr(pipelines.training.computing, "rank", lambda: here)
    monkeypatch.setattr(pipelines.training.computing.distributed, "all_gather_object", gather)
    on(Units.MATRIX if ranks[here][0] == "bfloat16" else Units.NONE)
    choice = agreed_precision(_with_precision(small_params, "auto").train, run, CPU)
    assert choice.precision == expected
    assert recorded_precision(run) == (choice if here == 0 else None)


def test_a_new_training_has_no_recorded_precision(run: Folder) -> None:
    assert recorded_precision(run) is None
