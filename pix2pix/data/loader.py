"""Batches on the device: augmented ones for training, plain ones for evaluation."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import Self

import cv2
import torch
from torch.utils.data import DataLoader

from pix2pix.data.augment import Augmentation
from pix2pix.data.dataset import AugmentedPairs, Batch, EpochKeys, Item, collate
from pix2pix.data.manifest import SideRecord
from pix2pix.data.prepared import PreparedSplit, stacked, stacked_valid
from pix2pix.data.ranges import to_network
from pix2pix.data.sampling import check_shares, num_global_batches


class TrainBatches:
    """One worker's share of the training batches: `batches(epoch, start_step)` iterates over them.

    Order, batches and augmentation are functions of (seed, epoch, step); world_size, rank and
    loader_workers only decide which process does the work. Close it (or use `with`) to end the
    loader's processes.
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
        loader_workers: int = 0,
        crops_per_pair: int = 1,
    ) -> None:
        """`batch_size` counts the crops of a step over all `world_size` workers.

        Their shares may differ by one. Raises ValueError if batch_size is less than world_size or
        exceeds the number of crops.
        """
        check_shares(batch_size, rank=rank, world_size=world_size)
        self.num_batches = num_global_batches(len(pairs.pair_ids) * crops_per_pair, batch_size)
        self._device = device
        self._sides = (augmentation.source, augmentation.target)
        self._keys = EpochKeys(
            len(pairs.pair_ids),
            seed=seed,
            batch_size=batch_size,
            rank=rank,
            world_size=world_size,
            crops_per_pair=crops_per_pair,
        )
        dataset = AugmentedPairs(pairs, augmentation, seed=seed)
        self._loader: DataLoader[Item] | None = _make_loader(
            dataset, self._keys, loader_workers=loader_workers, pin_memory=device.type == "cuda"
        )
        self._iterator: Iterator[Batch] | None = None
        self._num_passes = 0

    def __call__(self, epoch: int, start_step: int = 0) -> Iterator[Batch]:
        """The batches of `epoch` from `start_step` on: (N, C, H, W) float32 in [-1, 1] on device.

        Only one iterator is valid at a time: after a new call, reading from an earlier iterator
        raises RuntimeError. Raises ValueError if the epoch has no such step.
        """
        if self._loader is None:
            raise RuntimeError("these batches are closed")
        if not 0 <= start_step <= self.num_batches:
            raise ValueError(
                f"start_step must be in 0..{self.num_batches} (the steps of an epoch), "
                f"got {start_step}"
            )
        self._keys.epoch, self._keys.start_step = epoch, start_step
        self._iterator = iter(self._loader)
        self._num_passes += 1
        return self._read(self._num_passes, self.num_batches - start_step)

    def close(self) -> None:
        """End the loader's processes; may be called again."""
        # torch ends the processes when the last reference to the loader's iterator is deleted. This
        # is why `_read` keeps no reference of its own between batches.
        self._iterator = None
        self._loader = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, number: int, num_batches: int) -> Iterator[Batch]:
        for _ in range(num_batches):
            if number != self._num_passes or self._iterator is None:
                raise RuntimeError("a later pass over these batches began, or they were closed")
            yield _on_device(next(self._iterator), self._device, sides=self._sides)


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
        batch_size: int,
        device: torch.device,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """`batch_size` is the largest number of pairs of a batch of this worker."""
        self._pairs = pairs
        self._sides = (source, target)
        self._device = device
        positions = range(rank, len(pairs.pair_ids), world_size)
        self._groups = list(pairs.groups(positions, batch_size))

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Batch]:
        for positions in self._groups:
            batch = Batch(
                source=torch.from_numpy(stacked(self._pairs.source, positions)),
                target=torch.from_numpy(stacked(self._pairs.target, positions)),
                pair_ids=tuple(self._pairs.pair_ids[position] for position in positions),
                valid=stacked_valid(self._pairs, positions),
            )
            yield _on_device(batch, self._device, sides=self._sides)


def _on_device(
    batch: Batch, device: torch.device, *, sides: tuple[SideRecord, SideRecord]
) -> Batch:
    # Stored values are copied to the device and converted there: uint8 has a quarter of the bytes.
    source, target = (raw.to(device, non_blocking=True) for raw in (batch.source, batch.target))
    return Batch(
        source=to_network(source, sides[0].value_range),
        target=to_network(target, sides[1].value_range),
        pair_ids=tuple(batch.pair_ids),  # pin_memory of older torch versions makes it a list
        valid=None if batch.valid is None else batch.valid.to(device, non_blocking=True),
    )


def _make_loader(
    dataset: AugmentedPairs, keys: EpochKeys, *, loader_workers: int, pin_memory: bool
) -> DataLoader[Item]:
    return DataLoader(
        dataset,
        batch_sampler=keys,
        num_workers=loader_workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker,
        persistent_workers=loader_workers > 0,
        multiprocessing_context=_start_method() if loader_workers else None,
        # The loader draws a seed in each pass. From torch's global generator, this would change the
        # random numbers of dropout in the caller.
        generator=torch.Generator(),
    )


def _start_method() -> BaseContext:
    """Start workers by forking a small server process, never this process.

    A fork of a process with threads (of Ray, CUDA, OpenMP) can inherit a lock that no thread
    releases. The server imports this module once, so that a worker starts in milliseconds.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _start_worker(_worker_id: int) -> None:
    """Let each worker use one core; there is one worker for each core that shall be used."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
