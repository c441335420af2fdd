"""When a training counts as finished. Functions that save checkpoints replace the workers."""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.cluster.placement import Placement
from pipelines.runs.checkpoints import checkpoints, write_checkpoint
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.state import CHECKPOINTS_FOLDER, SAMPLES_FOLDER
from pipelines.training import driver
from pix2pix.config import Params
from pix2pix.errors import StorageError, UserError
from pix2pix.training_checkpoint import save_training

DATASET = DatasetSource(prepared_dir=Path("prepared"), data_hash="abc", shared_copy=None)
PLACEMENT = Placement(1, 1, 1, use_gpu=False)
NUM_EPOCHS = 3


@pytest.fixture
def params(small_params: Params) -> Params:
    config = dataclasses.replace(small_params.train, num_epochs=NUM_EPOCHS, num_decay_epochs=0)
    return dataclasses.replace(small_params, train=config)


@pytest.fixture
def run(tmp_path: Path) -> Folder:
    return open_folder(str(tmp_path / "run"))


def _save(run: Folder, epoch: int, *, best: int | None) -> None:
    """Save a checkpoint as a training does after an epoch; `best` is the best epoch so far."""
    folder = run / CHECKPOINTS_FOLDER
    state = {
        "history": [{"epoch": done, "dev/l1": 0.5 - 0.1 * done} for done in range(epoch + 1)],
        "best": best
        and {
            "epoch": best,
            "dev": {"dev/l1": 0.5 - 0.1 * best},
            "generator": {"weight": torch.full((2,), float(best))},
            "discriminator": {},
        },
    }
    staged = folder.stage()
    save_training(staged / "training.pt", state)
    write_checkpoint(folder, staged / "training.pt", step=10 * epoch, epoch=epoch)
    staged.rmdir()
    (run / SAMPLES_FOLDER).write(f"epoch_{epoch:04d}.png", b"png")


def _damage_newest(run: Folder) -> None:
    folder = run / CHECKPOINTS_FOLDER
    path = Path(folder.path, str(checkpoints(folder)[0]))
    path.write_bytes(path.read_bytes()[:-8])


def _train(
    monkeypatch: pytest.MonkeyPatch, params: Params, run: Folder, *workers: Callable[[], None]
) -> driver.Trained:
    """Train with these functions in place of the workers, one for each start of the workers."""
    given = iter(workers)

    def fit(*_: Any, **_options: Any) -> None:
        next(given)()

    monkeypatch.setattr(driver, "_fit", fit)
    return driver.train(params, DATASET, placement=PLACEMENT, run=run, live_run=None)


def _to_the_end(run: Folder, *, damaged: bool = False) -> Callable[[], None]:
    def work() -> None:
        for epoch in (2, 3):
            _save(run, epoch, best=epoch)
        if damaged:
            _damage_newest(run)

    return work


def test_the_last_checkpoint_is_the_finished_training(
    monkeypatch: pytest.MonkeyPatch, params: Params, run: Folder
) -> None:
    trained = _train(monkeypatch, params, run, _to_the_end(run))
    assert (trained.best.epoch, len(trained.history)) == (3, 4)
    assert trained.samples == {2: b"png", 3: b"png"}


def test_an_earlier_state_is_never_returned_as_the_finished_training(
    monkeypatch: pytest.MonkeyPatch,
    params: Params,
    run: Folder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last checkpoint is damaged: the training continues from the one before."""
    with caplog.at_level(logging.WARNING):
        trained = _train(monkeypatch, params, run, _to_the_end(run, damaged=True), _to_the_end(run))
    assert (trained.best.epoch, len(trained.history)) == (3, 4)
    assert "is damaged" in caplog.text
    assert "it continues from the one before" in caplog.text


def test_a_store_that_damages_the_last_checkpoint_each_time_is_named(
    monkeypatch: pytest.MonkeyPatch, params: Params, run: Folder
) -> None:
    damaged = _to_the_end(run, damaged=True)
    with pytest.raises(StorageError, match=r"last checkpoint .*/run was damaged 2 times"):
        _train(monkeypatch, params, run, damaged, damaged)


def test_a_training_that_stopped_early_is_finished(
    monkeypatch: pytest.MonkeyPatch, params: Params, run: Folder
) -> None:
    config = dataclasses.replace(params.train, num_epochs=50, early_stopping_epochs=1)
    patient = dataclasses.replace(params, train=config)

    def work() -> None:
        _save(run, 2, best=2)
        folder, staged = run / CHECKPOINTS_FOLDER, (run / CHECKPOINTS_FOLDER).stage()
        history = [{"epoch": epoch, "dev/l1": l1} for epoch, l1 in enumerate((0.5, 0.3, 0.4))]
        best = {"epoch": 1, "dev": {}, "generator": {}, "discriminator": {}}
        save_training(staged / "training.pt", {"history": history, "best": best})
        write_checkpoint(folder, staged / "training.pt", step=30, epoch=3)

    assert _train(monkeypatch, patient, run, work).best.epoch == 1


def test_a_training_without_any_score_fails_with_one_message_each_time(
    monkeypatch: pytest.MonkeyPatch, params: Params, run: Folder
) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="dev L1 was not finite in any epoch"):
            _train(monkeypatch, params, run, lambda: _save(run, 3, best=None))
