"""Stored pairs as a torch data set whose items are pure functions of (epoch, position).

Images are (H, W, C) of stored values, usually memory-mapped.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from pix2pix.data.augment import Augmentation, augment_seed
from pix2pix.data.mapped import attached, detached
from pix2pix.data.masked_augment import MaskedAugmentation
from pix2pix.data.masks import MaskedPair, valid_pixels
from pix2pix.data.prepared import PreparedSplit
from pix2pix.data.sampling import epoch_order, num_global_batches, share_of_batch

_ARRAYS = ("_target", "_mask")  # attributes of AugmentedPairs


class Key(NamedTuple):
    """The index of an item: an epoch, the pair's position in the stored arrays, and which crop."""

    epoch: int
    position: int
    crop: int = 0


class Item(NamedTuple):
    """An augmented pair, (H, W, C) each, of stored values; `sources` has an image per source.

    `mask` is that of `data.masks`.
    """

    sources: tuple[np.ndarray, ...]
    target: np.ndarray
    pair_id: str
    mask: np.ndarray | None = None


class StoredBatch(NamedTuple):
    """The pairs of a step as stored values (N, H, W, C); `sources` has a tensor per source."""

    sources: tuple[Tensor, ...]
    target: Tensor
    pair_ids: tuple[str, ...]
    valid: Tensor | None = None


class Batch(NamedTuple):
    """The pairs of a step: (N, C, H, W) float32 on the device, see `sources.join_sources`.

    `valid` is (N, 1, H, W) bool: the pixels that count in losses and scores; None: all. It is never
    None for data with masks.
    """

    source: Tensor
    target: Tensor
    pair_ids: tuple[str, ...]
    valid: Tensor | None = None


class AugmentedPairs(Dataset[Item]):
    """Augmented training pairs. Memory maps are pickled as the path of their file, not by value."""

    def __init__(self, pairs: PreparedSplit, augmentation: Augmentation, *, seed: int) -> None:
        self._sources = pairs.sources
        self._target = pairs.target
        self._mask = pairs.mask
        self._pair_ids = pairs.pair_ids
        self._augmentation = augmentation
        self._seed = seed

    def __len__(self) -> int:
        return len(self._pair_ids)

    def __getitem__(self, key: Key) -> Item:
        epoch, position, crop = key
        pair_id = self._pair_ids[position]
        seed = augment_seed(self._seed, epoch, pair_id, crop=crop)
        source, *extra = (np.asarray(images[position]) for images in self._sources)
        target = np.asarray(self._target[position])
        if self._mask is None:
            source, target, *extra = self._augmentation(source, target, seed=seed, extra=extra)
            return Item((source, *extra), target, pair_id)
        pair = MaskedPair(source, target, np.asarray(self._mask[position]))
        masked = MaskedAugmentation(self._augmentation)
        changed, changed_extra = masked(pair, seed=seed, extra=extra)
        return Item((changed.source, *changed_extra), changed.target, pair_id, changed.mask)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_sources"] = tuple(map(detached, self._sources))
        for name in _ARRAYS:
            state[name] = detached(state[name])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays = {name: attached(state[name]) for name in _ARRAYS}
        sources = {"_sources": tuple(map(attached, state["_sources"]))}
        self.__dict__.update(state | arrays | sources)


class EpochKeys(Sampler[list[Key]]):
    """The keys of one worker's share of each batch, beginning with step `start_step` of `epoch`.

    The caller sets `epoch` and `start_step` before each pass. So one DataLoader, with its worker
    processes, serves all epochs.
    """

    def __init__(
        self,
        num_pairs: int,
        *,
        seed: int,
        batch_size: int,
        rank: int,
        world_size: int,
        crops_per_pair: int = 1,
    ) -> None:
        self.epoch = 0
        self.start_step = 0
        self._crops_per_pair = crops_per_pair
        self._num_crops = num_pairs * crops_per_pair
        self._num_batches = num_global_batches(self._num_crops, batch_size)
        self._seed = seed
        self._share = {"batch_size": batch_size, "rank": rank, "world_size": world_size}

    def __len__(self) -> int:
        return self._num_batches - self.start_step

    def __iter__(self) -> Iterator[list[Key]]:
        epoch = self.epoch
        order = epoch_order(self._seed, epoch, self._num_crops)
        for step in range(self.start_step, self._num_batches):
            crops = share_of_batch(order, step, **self._share)
            yield [Key(epoch, *divmod(int(number), self._crops_per_pair)) for number in crops]


def collate(items: Sequence[Item]) -> StoredBatch:
    """Stack items into a batch of stored values, (N, H, W, C)."""
    by_source = zip(*(item.sources for item in items), strict=True)
    masks = [item.mask for item in items if item.mask is not None]
    return StoredBatch(
        sources=tuple(torch.from_numpy(np.stack(images)) for images in by_source),
        target=torch.from_numpy(np.stack([item.target for item in items])),
        pair_ids=tuple(item.pair_id for item in items),
        valid=valid_pixels(np.stack(masks)) if masks else None,
    )
