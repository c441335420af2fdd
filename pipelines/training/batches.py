"""The prepared data as one worker reads it: its share of the pairs, on its device."""

import numpy as np
import torch
from torch import Tensor

from pix2pix.config import Params
from pix2pix.data.augment import Augmentation
from pix2pix.data.loader import EvalBatches, TrainBatches
from pix2pix.data.manifest import Manifest
from pix2pix.data.prepared import PreparedSplit, stacked
from pix2pix.data.sampling import num_global_batches
from pix2pix.data.sources import join_sources
from pix2pix.training import DevSet
from pix2pix.training.distributed import rank, world_size

_DEV_BATCH = 8  # images; it affects only the speed


def check_fits_data(params: Params, manifest: Manifest, *, batch_size: int) -> None:
    """Raise UserError if no training with these parameters can start on the prepared data.

    Workers would find that out too, but only after Ray and they have been started.
    """
    num_pairs = len(manifest.splits["train"].pair_ids)
    num_global_batches(num_pairs, batch_size, crops_per_pair=params.data.crops_per_pair)
    train_augmentation(params, manifest)


def train_augmentation(params: Params, manifest: Manifest) -> Augmentation:
    """Return the random changes of training pairs that the parameters describe.

    Raises UserError as `Augmentation` does.
    """
    return Augmentation(
        params.augment,
        params.data,
        source=manifest.source,
        target=manifest.target,
        extra=manifest.extra_sides,
    )


def train_batches(
    train: PreparedSplit, params: Params, manifest: Manifest, *, device: torch.device
) -> TrainBatches:
    """Return this rank's share of the training split, augmented. The caller closes it."""
    return TrainBatches(
        train,
        train_augmentation(params, manifest),
        seed=params.train.seed,
        batch_size=params.train.batch_size,
        device=device,
        rank=rank(),
        world_size=world_size(),
        loader_threads=params.train.loader_workers,
        crops_per_pair=params.data.crops_per_pair,
    )


def dev_batches(dev: PreparedSplit, manifest: Manifest, *, device: torch.device) -> EvalBatches:
    """Return this rank's share of the dev split."""
    return EvalBatches(
        dev,
        source=manifest.source,
        target=manifest.target,
        extra=manifest.extra_sides,
        batch_size=_DEV_BATCH,
        device=device,
        rank=rank(),
        world_size=world_size(),
    )


def dev_set(
    dev: PreparedSplit, manifest: Manifest, *, samples: list[int], device: torch.device
) -> DevSet:
    """Return the dev split as `fit` needs it; `samples` are the indices of the sample pairs."""
    return DevSet(dev_batches(dev, manifest, device=device), _sources(dev, samples, manifest))


def sample_indices(dev: PreparedSplit, num_samples: int) -> list[int]:
    """Return the indices of the dev pairs in sample grids: evenly spread, always the same."""
    count = min(num_samples, len(dev.pair_ids))
    return [int(index) for index in np.linspace(0, len(dev.pair_ids) - 1, count)]


def _sources(dev: PreparedSplit, indices: list[int], manifest: Manifest) -> list[Tensor]:
    sides = list(manifest.sources.values())
    return [
        join_sources([torch.from_numpy(stacked(each, group)) for each in dev.sources], sides)
        for group in dev.groups(indices, _DEV_BATCH)
    ]
