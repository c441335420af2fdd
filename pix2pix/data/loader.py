"""Batches on the device: augmented ones for training, plain ones for evaluation."""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, cycle, islice
from typing import Self, TypeAlias

import torch

from pix2pix.data.augment import Augmentation
from pix2pix.data.batch import Batch, HostBatch, StoredBatch, on_device, stacked_valid
from pix2pix.data.dataset import AugmentedPairs, EpochKeys, Key
from pix2pix.data.manifest import SideRecord
from pix2pix.data.prepared import PreparedSplit, stacked
from pix2pix.data.sampling import check_shares
from pix2pix.read_ahead import read_ahead

# While a batch is copied to the device, each thread fills a run of batches and has filled another.
_AHEAD_PER_THREAD = 2

# Handing over takes a quarter of the time of reading a pair of 256 px. So small batches are handed
# over together: so many pairs at most, which need no more memory than this.
_PAIRS_PER_RUN = 32
_BYTES_PER_RUN = 8 * 2**20

_Filled: TypeAlias = list[tuple[HostBatch, StoredBatch]]


class TrainBatches:
    """One worker's share of the training batches: `batches(epoch, start_step)` iterates over them.

    Order, batches and augmentation are functions of (seed, epoch, step); world_size, rank and
    loader_threads only decide who does the work. Close it (or use `with`) to end the threads.
    """

    def __init__(
        self,
        pairs: PreparedSplit,
        augmentation: Augmentation,
        *,
        seed: int,
        batch_size: int,
        device: torch.device,
        rank: int = 0,
        world_size: int = 1,
        loader_threads: int = 0,
        crops_per_pair: int = 1,
    ) -> None:
        """`batch_size` counts the crops of a step over all `world_size` workers.

        Their shares may differ by one. Raises ValueError if batch_size is less than world_size or
        exceeds the number of crops.
        """
        check_shares(batch_size, rank=rank, world_size=world_size)
        self._keys = EpochKeys(
            len(pairs),
            seed=seed,
            batch_size=batch_size,
            rank=rank,
            world_size=world_size,
            crops_per_pair=crops_per_pair,
        )
        self.num_batches = self._keys.num_batches
        self._device = device
        self._sources, self._target = augmentation.sources, augmentation.target
        self._pairs = AugmentedPairs(pairs, augmentation, seed=seed)
        self._num_threads = loader_threads
        self._num_ahead = loader_threads * _AHEAD_PER_THREAD
        share = len(range(rank, batch_size, world_size))
        new_memory = partial(
            HostBatch, share, augmentation, is_masked=pairs.mask is not None, device=device
        )
        first = new_memory()
        self._run_length = run_length(share, first.num_bytes) if loader_threads else 1
        num_batches = (self._num_ahead + 1) * self._run_length
        self._memory = [first, *(new_memory() for _ in range(num_batches - 1))]
        self._is_closed = False
        self._pass: Generator[_Filled, None, None] | None = None

    def __call__(self, epoch: int, start_step: int = 0) -> Iterator[Batch]:
        """The batches of `epoch` from `start_step` on: (N, C, H, W) float32 in [-1, 1] on device.

        Only one iterator is valid at a time: after a new call, reading from an earlier iterator
        raises RuntimeError. Raises ValueError if the epoch has no such step.
        """
        if self._is_closed:
            raise RuntimeError("these batches are closed")
        if not 0 <= start_step <= self.num_batches:
            raise ValueError(
                f"start_step must be in 0..{self.num_batches} (the steps of an epoch), "
                f"got {start_step}"
            )
        self._end_pass()
        shares = zip(cycle(self._memory), self._keys.of_epoch(epoch, start_step), strict=False)
        self._pass = read_ahead(
            self._fill,
            iter(lambda: list(islice(shares, self._run_length)), []),
            pool=ThreadPoolExecutor(self._num_threads) if self._num_threads else None,
            num_ahead=self._num_ahead,
        )
        return self._read(self._pass, self.num_batches - start_step)

    def close(self) -> None:
        """End the threads and release the memory; may be called again."""
        self._end_pass()
        self._memory.clear()
        self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end_pass(self) -> None:
        """Wait until no thread writes into the memory."""
        if self._pass is not None:
            self._pass.close()
            self._pass = None

    def _fill(self, run: Sequence[tuple[HostBatch, list[Key]]]) -> _Filled:
        return [(memory, memory.fill(self._pairs[key] for key in keys)) for memory, keys in run]

    def _read(self, filled: Generator[_Filled, None, None], num_batches: int) -> Iterator[Batch]:
        stored = chain.from_iterable(filled)
        for _ in range(num_batches):
            if filled is not self._pass:
                raise RuntimeError("a later pass over these batches began, or they were closed")
            memory, batch = next(stored)
            copied = on_device(batch, self._device, sources=self._sources, target=self._target)
            memory.mark_copied()
            yield copied


def run_length(num_pairs: int, num_bytes: int) -> int:
    """Return how many batches a thread fills at once, at least one.

    A batch has `num_pairs` pairs and needs `num_bytes` of memory.
    """
    return max(1, min(_PAIRS_PER_RUN // num_pairs, _BYTES_PER_RUN // num_bytes))


class EvalBatches:
    """One worker's share of a split, in stored order, without augmentation.

    It can be iterated several times. Worker `rank` of `world_size` gets the pairs rank,
    rank + world_size, ..., so that all workers together read each pair once. The images of a batch
    have one size, so batches may be smaller, and a worker may have no batch.
    """

    def __init__(
        self,
        pairs: PreparedSplit,
        *,
        source: SideRecord,
        target: SideRecord,
        extra: Sequence[SideRecord] = (),
        batch_size: int,
        device: torch.device,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """`extra` are the sides of the extra sources, in the order of the manifest.

        `batch_size` is the largest number of pairs of a batch of this worker.
        """
        self._pairs = pairs
        self._sources, self._target = (source, *extra), target
        self._device = device
        positions = range(rank, len(pairs.pair_ids), world_size)
        self._groups = list(pairs.groups(positions, batch_size))

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Batch]:
        for positions in self._groups:
            batch = StoredBatch(
                sources=tuple(
                    torch.from_numpy(stacked(images, positions)) for images in self._pairs.sources
                ),
                target=torch.from_numpy(stacked(self._pairs.target, positions)),
                pair_ids=tuple(self._pairs.pair_ids[position] for position in positions),
                valid=stacked_valid(self._pairs, positions),
            )
            yield on_device(batch, self._device, sources=self._sources, target=self._target)
