"""Checkpoints on a Ray Train worker: reported by rank 0, uploaded while training goes on."""

import dataclasses
import time
from functools import partial
from pathlib import Path
from typing import Any

import ray.train
import ray.train.collective
from ray.train import Checkpoint, CheckpointUploadMode

from pipelines.runs.checkpoints import (
    newest_checkpoint,
    prune,
    read_checkpoint,
    storage_failure,
    write_checkpoint,
)
from pipelines.runs.folder import Folder
from pix2pix.config import Params
from pix2pix.training import EpochResult, SavePoint, TrainState
from pix2pix.training.distributed import rank
from pix2pix.training.selection import scores_by_epoch
from pix2pix.training_checkpoint import save_training

_FILE = "training.pt"
_POLL_S = 0.05


def restore(state: TrainState, folder: Folder) -> None:
    """Load the newest readable checkpoint, if there is one. All ranks load the same one."""
    newest = newest_checkpoint(folder) if rank() == 0 else None
    name = ray.train.collective.broadcast_from_rank_zero(None if newest is None else newest[0])
    if newest is not None:
        state.load_state_dict(newest[1])
    elif name is not None:
        state.load_state_dict(read_checkpoint(folder, name))


class CheckpointReports:
    """Reports epochs and checkpoints to Ray. Every rank reports equally often, as Ray demands."""

    def __init__(self, folder: Folder, *, params: Params, data_hash: str) -> None:
        self._folder = folder
        self._config = params.train
        self._about = {"params": dataclasses.asdict(params), "data_hash": data_hash}
        self._staged: Path | None = None  # the checkpoint that is being uploaded

    def report_epoch(self, state: TrainState, result: EpochResult) -> None:
        """Report an epoch, with a checkpoint if one is due or the epoch is the best or the last."""
        metrics = result.metrics | {"epoch": result.epoch}
        is_due = result.epoch % self._config.checkpoint_every_epochs == 0
        if result.epoch > 0 and (is_due or result.is_best or result.is_last):
            self._report(metrics, state, epoch=result.epoch, is_last=result.is_last)
        else:
            ray.train.report(metrics)

    def report_save_point(self, state: TrainState, point: SavePoint) -> None:
        """Report a checkpoint within an epoch."""
        self._report({"step": point.step}, state, epoch=None, is_last=point.is_stop)

    def _report(
        self, metrics: dict[str, float], state: TrainState, *, epoch: int | None, is_last: bool
    ) -> None:
        saved = state.state_dict()
        if rank() > 0:
            ray.train.report(metrics)
            return
        self._staged = self._stage(saved)
        upload = partial(self._upload, step=state.step, epoch=epoch, history=state.history)
        ray.train.report(
            metrics,
            checkpoint=Checkpoint.from_directory(self._staged),
            checkpoint_upload_mode=(
                CheckpointUploadMode.SYNC if is_last else CheckpointUploadMode.ASYNC
            ),
            delete_local_checkpoint_after_upload=True,
            checkpoint_upload_fn=upload,
        )

    def _stage(self, saved: dict[str, Any]) -> Path:
        # One upload at a time: if the store is slow, several would fill the disk.
        while self._staged is not None and self._staged.exists():
            time.sleep(_POLL_S)
        try:
            staged = self._folder.stage()
            save_training(staged / _FILE, self._about | saved)
        except OSError as error:
            raise storage_failure(self._folder, error) from error
        return staged

    def _upload(
        self,
        checkpoint: Checkpoint,
        _ray_name: str,
        *,
        step: int,
        epoch: int | None,
        history: list[dict[str, float]],
    ) -> Checkpoint:
        """Copy the checkpoint to the folder and remove old ones. Ray calls this in a thread."""
        write_checkpoint(self._folder, Path(checkpoint.path, _FILE), step=step, epoch=epoch)
        dev_l1 = scores_by_epoch(history, self._config)
        prune(self._folder, dev_l1, keep_best=self._config.keep_best_checkpoints)
        return Checkpoint(self._folder.path, self._folder.filesystem)
