"""Losses and scores over the pixels that count: those where source and target have a value.

`valid` is (N, 1, H, W) bool, see `data.masks`; None: all pixels count, and nothing is computed.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class PairBatch(Protocol):
    """Source and target, (N, C, H, W) in [-1, 1], and which of their pixels count."""

    @property
    def source(self) -> Tensor:
        """What the generator receives."""

    @property
    def target(self) -> Tensor:
        """What it shall generate."""

    @property
    def valid(self) -> Tensor | None:
        """The pixels that count."""


class Pairs(NamedTuple):
    """A `PairBatch` with nothing else."""

    source: Tensor
    target: Tensor
    valid: Tensor | None = None


def with_target_where_masked(fake: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
    """Return the fake (N, C, H, W) with the target's values in all pixels that do not count.

    So nothing that sees both can tell them apart there, their difference there is 0, and so is the
    gradient of the fake.
    """
    return fake if valid is None else torch.where(valid, fake, target)


def mean_of_valid(values: Tensor, valid: Tensor | None) -> Tensor:
    """The mean over channels and valid pixels of each image: (N, C, H, W) to (N,).

    Values of other pixels must be finite. An image without a valid pixel has the mean 0.
    """
    if valid is None:
        return values.mean(dim=(1, 2, 3))
    num_pixels = valid.sum(dim=(1, 2, 3)).clamp(min=1)
    return (values * valid).mean(dim=1).sum(dim=(1, 2)) / num_pixels
