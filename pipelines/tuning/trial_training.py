"""A trial in a process of its own: the training that `train` runs, without a group of workers."""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from pipelines.runs.checkpoints import newest_checkpoint, prune, write_checkpoint
from pipelines.runs.folder import Folder
from pipelines.runs.state import CHECKPOINTS_FOLDER, SAMPLES_FOLDER
from pipelines.training.batches import dev_batches, dev_set, sample_indices, train_batches
from pipelines.training.precision import agreed_precision, with_precision
from pipelines.training.sample_grids import SampleGrids
from pix2pix.checkpoint import save_training
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.models import UNetGenerator, network_configs
from pix2pix.training import Best, EpochResult, TrainState, fit, new_state
from pix2pix.training.dev import better_mode
from pix2pix.training.selection import kept

if TYPE_CHECKING:
    from pix2pix.evaluation.distance import Distance

Report = Callable[[Mapping[str, float]], None]

_FILE = "training.pt"


def train_trial(
    params: Params, prepared_dir: Path, *, run: Folder, device: torch.device, report: Report
) -> Best:
    """Train from the newest checkpoint in `run` to the end; returns the epoch that is kept.

    Each epoch is saved before it is reported, and epochs of an earlier process are reported again:
    whoever listens misses none. Raises NonFiniteLossError, UserError if no epoch can be kept, and
    OSError if the storage fails.
    """
    params = with_precision(params, agreed_precision(params.train, run, device))
    manifest = load_manifest(prepared_dir)
    state = new_state(
        *network_configs(params), config=params.train, wrap=partial(_moved, device=device)
    )
    for folder in (run / CHECKPOINTS_FOLDER, run / SAMPLES_FOLDER):
        folder.sweep()  # of an earlier process that was killed
    _restore(state, run / CHECKPOINTS_FOLDER)
    for record in state.history:
        report(record)
    dev = open_split(prepared_dir, "dev")
    samples = sample_indices(dev, params.train.num_samples)
    grids = SampleGrids(dev, samples, manifest)
    judged = dev_set(dev, manifest, samples=samples, device=device)
    train = open_split(prepared_dir, "train")
    with train_batches(train, params, manifest, device=device) as batches:
        for moment in fit(state, batches, params.train, dev=judged):
            assert isinstance(moment, EpochResult)  # a trial has no checkpoints within an epoch
            if moment.samples is not None:
                png = grids.png(moment.samples, better_mode(moment.metrics))
                (run / SAMPLES_FOLDER).write(f"epoch_{moment.epoch:04d}.png", png)
            _save(state, run / CHECKPOINTS_FOLDER)
            report(state.history[-1])
    return kept(state.best, params.train)


def replayed(run: Folder) -> list[dict[str, float]]:
    """The epochs that the trial of this folder has behind it."""
    newest = newest_checkpoint(run / CHECKPOINTS_FOLDER)
    return [] if newest is None else list(newest[1]["history"])


def distance_of(
    best: Best, params: Params, prepared_dir: Path, *, distance: "Distance", device: torch.device
) -> float:
    """How far the kept epoch's images of the dev split lie from the real ones.

    By EfficientNet features, which are at hand everywhere: every trial is judged alike.
    """
    # Imported here: that takes as long as importing torch, and few studies ask for a distance.
    from pix2pix.evaluation.distance import dev_distance
    from pix2pix.evaluation.extractors import efficientnet_extractor

    manifest = load_manifest(prepared_dir)
    generator = UNetGenerator(network_configs(params)[0])
    generator.load_state_dict(best.generator)
    return dev_distance(
        generator.to(device),
        dev_batches(open_split(prepared_dir, "dev"), manifest, device=device),
        distance=distance,
        extractor=efficientnet_extractor(device),
        mode=better_mode(best.dev),
        seed=params.train.seed,
    )


def _moved(network: nn.Module, *, device: torch.device) -> nn.Module:
    return network.to(device)


def _restore(state: TrainState, folder: Folder) -> None:
    newest = newest_checkpoint(folder)
    if newest is not None:
        state.load_state_dict(newest[1])


def _save(state: TrainState, folder: Folder) -> None:
    """Write the checkpoint of an epoch, and remove those before the last two."""
    staged = folder.stage()
    try:
        save_training(staged / _FILE, state.state_dict())
        write_checkpoint(folder, staged / _FILE, step=state.step, epoch=state.epoch)
    finally:
        shutil.rmtree(staged, ignore_errors=True)  # in the temporary folder for an object store
    prune(folder, {}, keep_best=0)
