import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import pipelines.training.computing
from pipelines.runs.folder import Folder, open_folder
from pipelines.training.computing import agreed_computing, recorded_computing, with_computing
from pix2pix.config import Params
from pix2pix.training.computing import TABLE, Computing
from pix2pix.training.hardware import Hardware, Kind

CPU = torch.device("cpu")
Machine = Callable[[Kind], None]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a function that sets the hardware that this process has for the test."""

    def set_kind(kind: Kind) -> None:
        hardware = Hardware("this (X)", kind)
        monkeypatch.setattr(pipelines.training.computing, "hardware_of", lambda _device: hardware)

    return set_kind


@pytest.fixture
def run(tmp_path: Path) -> Folder:
    return open_folder(str(tmp_path / "run"))


def _with(params: Params, **values: Any) -> Params:
    auto = {"precision": "auto", "channels_last": "auto", "compile": "auto"}
    return dataclasses.replace(params, train=dataclasses.replace(params.train, **(auto | values)))


@pytest.mark.parametrize("kind", [*Kind])
def test_the_choice_is_recorded_and_replaces_auto(
    kind: Kind, run: Folder, on: Machine, small_params: Params
) -> None:
    params = _with(small_params)
    on(kind)
    computing = agreed_computing(params.train, run, CPU)
    assert computing[:3] == TABLE[kind][:3]
    assert recorded_computing(run) == computing
    keys = ("precision", "channels_last", "compile")
    chosen = dict(zip(keys, computing[:3], strict=True))
    assert with_computing(params, computing) == _with(params, **chosen)


def test_a_training_keeps_precision_and_layout_on_other_hardware_and_warns(
    run: Folder, on: Machine, small_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    config = _with(small_params).train
    on(Kind.GPU)
    begun = agreed_computing(config, run, CPU)
    assert caplog.records == []
    on(Kind.PLAIN_CPU)
    went_on = agreed_computing(config, run, CPU)
    assert went_on[:2] == begun[:2] == ("bfloat16", True)
    assert not went_on.compile  # which does not change the numbers
    assert recorded_computing(run) == went_on
    (record,) = caplog.records
    assert record.levelno == logging.WARNING  # which reaches the console from a worker
    assert "emulated here" in record.getMessage()


def test_values_in_params_yaml_count_more_than_the_recorded_ones(
    run: Folder, on: Machine, small_params: Params
) -> None:
    """The parameters of a trial of a population change while it runs."""
    on(Kind.PLAIN_CPU)
    for precision in ("auto", "bfloat16", "float32"):
        config = _with(small_params, precision=precision, channels_last=True).train
        computing = agreed_computing(config, run, CPU)
        expected = "float32" if precision == "auto" else precision
        assert computing[:2] == (expected, True)
        assert recorded_computing(run) == computing


FAST = Computing("bfloat16", True, False, "fast")
MIXED = Computing("bfloat16", False, False, "mixed")
SLOW = Computing("float32", False, False, "slow")
LAST = Computing("float32", True, False, "last")


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        ([(FAST, False), (FAST, False)], FAST),
        ([(FAST, False), (SLOW, False)], SLOW),
        ([(SLOW, False), (FAST, False)], SLOW),
        ([(FAST, False), (MIXED, False)], MIXED),
        # Neither is what both are good at.
        ([(MIXED, False), (LAST, False)], SLOW._replace(reason="mixed")),
        ([(FAST, True), (SLOW, False)], FAST),  # rank 0 knows it from before
    ],
)
@pytest.mark.parametrize("here", [0, 1])
def test_ranks_on_different_machines_agree_on_what_all_are_good_at(
    ranks: list[tuple[Computing, bool]],
    expected: Computing,
    here: int,
    run: Folder,
    on: Machine,
    small_params: Params,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gather(gathered: list[Any], _own: tuple[Computing, bool]) -> None:
        gathered[:] = ranks

    monkeypatch.setattr(pipelines.training.computing, "world_size", lambda: 2)
    monkeypatch.setattr(pipelines.training.computing, "rank", lambda: here)
    monkeypatch.setattr(pipelines.training.computing.distributed, "all_gather_object", gather)
    on(Kind.GPU)
    computing = agreed_computing(_with(small_params).train, run, CPU)
    assert computing == expected
    assert recorded_computing(run) == (expected if here == 0 else None)


def test_a_new_training_has_no_recorded_choice(run: Folder) -> None:
    assert recorded_computing(run) is None
