"""Which other epochs of a finished training are kept, and that they are read as they were."""

import dataclasses
from pathlib import Path

import torch

from pipelines.runs.checkpoints import write_checkpoint
from pipelines.runs.folder import open_folder
from pipelines.training.kept_checkpoints import other_kept_epochs
from pix2pix.config import Params
from pix2pix.training_checkpoint import save_training

L1 = {1: 0.1, 2: 0.4, 3: 0.2, 4: 0.3, 5: 0.5}  # the first epoch may not be kept


def test_the_other_best_epochs_are_read_with_their_scores(
    tmp_path: Path, default_params: Params
) -> None:
    folder = open_folder(str(tmp_path / "checkpoints"))
    history = [{"epoch": epoch, "dev/l1": l1, "train/loss_d": 1.0} for epoch, l1 in L1.items()]
    for epoch in L1:
        file = folder.stage() / "training.pt"
        weights = {"weight": torch.full((2,), float(epoch))}
        save_training(file, {"generator": weights, "discriminator": weights})
        write_checkpoint(folder, file, step=epoch, epoch=epoch)
    config = dataclasses.replace(
        default_params.train, best_from_epoch=2, keep_best_checkpoints=3, num_epochs=5
    )
    kept = list(other_kept_epochs(folder, history, config, best_epoch=3))
    assert [(best.epoch, best.dev) for best in kept] == [
        (4, {"dev/l1": 0.3}),
        (2, {"dev/l1": 0.4}),
    ]
    assert [best.generator["weight"].tolist() for best in kept] == [[4.0, 4.0], [2.0, 2.0]]
    only_best = dataclasses.replace(config, keep_best_checkpoints=1)
    assert list(other_kept_epochs(folder, history, only_best, best_epoch=3)) == []
