"""A batch on its way from the stored arrays to the device.

Pairs are written into memory of the host that is used again for later batches: new memory for each
batch would cost more time than the copy (the kernel clears every page of it). On a machine with
GPUs this memory is page-locked, so that a GPU reads it without help of the CPU.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pix2pix.data.augment import Augmentation
from pix2pix.data.dataset import Item
from pix2pix.data.manifest import SideRecord
from pix2pix.data.masks import VALID
from pix2pix.data.prepared import PreparedSplit, stacked
from pix2pix.data.ranges import to_network
from pix2pix.data.sources import join_sources


class Batch(NamedTuple):
    """The pairs of a step: (N, C, H, W) float32 on the device, see `sources.join_sources`.

    `valid` is (N, 1, H, W) bool: the pixels that count in losses and scores; None: all. It is never
    None for data with masks.
    """

    source: Tensor
    target: Tensor
    pair_ids: tuple[str, ...]
    valid: Tensor | None = None


class StoredBatch(NamedTuple):
    """The pairs of a step as stored values (N, H, W, C); `sources` has a tensor per source.

    `valid` is (N, 1, H, W) bool, see `Batch`.
    """

    sources: tuple[Tensor, ...]
    target: Tensor
    pair_ids: tuple[str, ...]
    valid: Tensor | None = None


class HostBatch:
    """Memory for the pairs of one step, to be filled again and again.

    The caller must have copied a batch to the device before the memory is filled the next time.
    """

    def __init__(
        self, num_pairs: int, augmentation: Augmentation, *, is_masked: bool, device: torch.device
    ) -> None:
        """Reserve memory for `num_pairs` results of `augmentation`, to be copied to `device`."""
        sides = (*augmentation.sources, augmentation.target)
        kinds = [(side.channels, side.dtype) for side in sides]
        *self._sources, self._target = (
            _empty((num_pairs, *augmentation.size, channels), dtype, device=device)
            for channels, dtype in kinds
        )
        self._valid = (
            _empty((num_pairs, *augmentation.size, 1), "bool", device=device) if is_masked else None
        )
        tensors = (*self._sources, self._target, *([] if self._valid is None else [self._valid]))
        self.num_bytes = sum(each.nbytes for each in tensors)
        self._is_on_gpu = device.type == "cuda"
        self._copied: torch.cuda.Event | None = None

    def fill(self, items: Iterable[Item]) -> StoredBatch:
        """Write the pairs into this memory; the tensors of the result are views of it."""
        if self._copied is not None:  # a GPU reads the memory some time after the copy is requested
            self._copied.synchronize()
        pair_ids = []
        arrays = [each.numpy() for each in (*self._sources, self._target)]
        for row, item in enumerate(items):
            for array, image in zip(arrays, (*item.sources, item.target), strict=True):
                assert image.shape == array.shape[1:]  # numpy would repeat a single channel
                np.copyto(array[row], image, casting="no")
            if self._valid is not None and item.mask is not None:
                np.equal(item.mask, VALID, out=self._valid.numpy()[row])
            pair_ids.append(item.pair_id)
        valid = None if self._valid is None else self._valid.permute(0, 3, 1, 2)
        return StoredBatch(tuple(self._sources), self._target, tuple(pair_ids), valid)

    def mark_copied(self) -> None:
        """Note that all copies to the device were requested."""
        if self._is_on_gpu:
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()


def on_device(
    batch: StoredBatch, device: torch.device, *, sources: Sequence[SideRecord], target: SideRecord
) -> Batch:
    """Copy a batch to the device and convert it there: uint8 has a quarter of the bytes.

    The result shares no memory with `batch`.
    """
    raws = [raw.to(device, non_blocking=True) for raw in batch.sources]
    valid = batch.valid
    return Batch(
        source=join_sources(raws, sources),
        target=to_network(batch.target.to(device, non_blocking=True), target.value_range),
        pair_ids=batch.pair_ids,
        valid=None if valid is None else valid.to(device, non_blocking=True, copy=True),
    )


def stacked_valid(pairs: PreparedSplit, positions: Sequence[int]) -> Tensor | None:
    """Which pixels of the pairs at positions of one group count, see `Batch.valid`."""
    if pairs.mask is None:
        return None
    return torch.from_numpy(stacked(pairs.mask, positions) == VALID).permute(0, 3, 1, 2)


def _empty(shape: tuple[int, ...], dtype: str, *, device: torch.device) -> Tensor:
    return torch.empty(shape, dtype=getattr(torch, dtype), pin_memory=device.type == "cuda")
