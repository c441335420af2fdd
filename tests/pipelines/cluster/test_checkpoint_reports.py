"""Which epochs are reported with a checkpoint."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import ray.train

from pipelines.cluster.checkpoint_reports import CheckpointReports
from pipelines.runs.folder import open_folder
from pix2pix.config import Params
from pix2pix.training import EpochResult
from tests.support.drawn_batches import state_of


def _result(epoch: int) -> EpochResult:
    return EpochResult(
        epoch=epoch,
        metrics={"dev/l1": 0.1},
        samples=None,
        is_best=epoch == 2,
        is_last=epoch == 7,
    )


def test_due_epochs_the_best_and_the_last_get_a_checkpoint_and_each_epoch_is_reported(
    small_params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = dataclasses.replace(small_params.train, checkpoint_every_epochs=3)
    params = dataclasses.replace(small_params, train=train)
    reports = CheckpointReports(open_folder(str(tmp_path)), params=params, data_hash="0")
    with_checkpoint: list[tuple[int, bool]] = []
    without: list[int] = []

    def report(_metrics: Any, _state: Any, *, epoch: int, is_last: bool) -> None:
        with_checkpoint.append((epoch, is_last))

    monkeypatch.setattr(reports, "_report", report)
    monkeypatch.setattr(ray.train, "report", lambda metrics: without.append(metrics["epoch"]))
    state = state_of(params)
    for epoch in range(8):
        reports.report_epoch(state, _result(epoch))
    assert with_checkpoint == [(2, False), (3, False), (6, False), (7, True)]
    assert without == [0, 1, 4, 5]
