"""Stored pairs, augmented: each is a pure function of (epoch, position), and so is its order.

Images are (H, W, C) of stored values, usually memory-mapped.
"""

import threading
from collections.abc import Iterator
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from pix2pix.data.augment import Augmentation, augment_seed
from pix2pix.data.masked_augment import MaskedAugmentation
from pix2pix.data.masks import MaskedPair
from pix2pix.data.prepared import PreparedSplit
from pix2pix.data.sampling import epoch_order, num_global_batches


class Key(NamedTuple):
    """The index of an item: an epoch, the pair's position in the stored arrays, and which crop."""

    epoch: int
    position: int
    crop: int = 0


class Item(NamedTuple):
    """A pair, (H, W, C) each, of stored values; `sources` has an image per source.

    `mask` is that of `data.masks`. Images may be views of the stored arrays.
    """

    sources: tuple[np.ndarray, ...]
    target: np.ndarray
    pair_id: str
    mask: np.ndarray | None = None


def stored_item(pairs: PreparedSplit, position: int) -> Item:
    """A pair without augmentation."""
    return Item(
        tuple(np.asarray(images[position]) for images in pairs.sources),
        np.asarray(pairs.target[position]),
        pairs.pair_ids[position],
        None if pairs.mask is None else np.asarray(pairs.mask[position]),
    )


class AugmentedPairs:
    """Augmented training pairs, which several threads may read at a time."""

    def __init__(self, pairs: PreparedSplit, augmentation: Augmentation, *, seed: int) -> None:
        self._pairs = pairs
        self._own = _OwnAugmentation(augmentation)
        self._seed = seed

    def __getitem__(self, key: Key) -> Item:
        stored = stored_item(self._pairs, key.position)
        seed = augment_seed(self._seed, key.epoch, stored.pair_id, crop=key.crop)
        source, *extra = stored.sources
        if stored.mask is None:
            source, target, *extra = self._own.plain(source, stored.target, seed=seed, extra=extra)
            return Item((source, *extra), target, stored.pair_id)
        pair = MaskedPair(source, stored.target, stored.mask)
        changed, changed_extra = self._own.masked(pair, seed=seed, extra=extra)
        sources = (changed.source, *changed_extra)
        return Item(sources, changed.target, stored.pair_id, changed.mask)


class _OwnAugmentation(threading.local):
    """Each thread's copy of an augmentation, which changes inside while it augments a pair."""

    def __init__(self, augmentation: Augmentation) -> None:
        self.plain = deepcopy(augmentation)
        self.masked = MaskedAugmentation(self.plain)


class EpochKeys:
    """The keys of one worker's share of each batch."""

    def __init__(
        self,
        num_pairs: int,
        *,
        seed: int,
        batch_size: int,
        rank: int,
        world_size: int,
        crops_per_pair: int,
    ) -> None:
        self._crops_per_pair = crops_per_pair
        self._num_crops = num_pairs * crops_per_pair
        self.num_batches = num_global_batches(num_pairs, batch_size, crops_per_pair=crops_per_pair)
        self._seed = seed
        self._batch_size, self._rank, self._world_size = batch_size, rank, world_size

    def of_epoch(self, epoch: int, start_step: int) -> Iterator[list[Key]]:
        """The keys of each step of `epoch`, beginning with `start_step`.

        The shares of workers differ by at most one, and each has the same size in every step.
        """
        order = epoch_order(self._seed, epoch, self._num_crops)
        for step in range(start_step, self.num_batches):
            batch = order[step * self._batch_size : (step + 1) * self._batch_size]
            share = batch[self._rank :: self._world_size]
            yield [Key(epoch, *divmod(int(number), self._crops_per_pair)) for number in share]
