"""Which values of a loss count, where pixels are masked, and how the mean over them is taken.

The mean is over all values that count in the whole batch, so that each has the same weight wherever
it lies. A worker, or a part of its share, computes its sum divided by its number of pairs and by
the mean number of values per pair of the whole batch. The mean over pairs of these, which is how
parts and workers are combined, is the mean over values.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pix2pix.models import PatchDiscriminator
from pix2pix.training.distributed import sum_over_ranks


class Counted(NamedTuple):
    """The values of a loss that count.

    `values` is (N, 1, H, W) bool; `per_pair` is the mean number of True values per pair over the
    whole batch, a scalar above 0.
    """

    values: Tensor
    per_pair: Tensor

    def mean(self, losses: Tensor) -> Tensor:
        """This part's contribution to the mean of losses (N, C, H, W), a scalar, see above."""
        counted: Tensor = (losses * self.values).mean(dim=1).sum()
        return counted / (len(losses) * self.per_pair)


class Masks(NamedTuple):
    """What counts of the pairs of a share: pixels in L1, patches in the adversarial losses.

    A patch counts if the discriminator sees a valid pixel in it. The others hold the same in fakes
    and targets, so that there is nothing to judge.
    """

    pixels: Counted
    patches: Counted

    def split(self, num_parts: int) -> "list[Masks]":
        """The masks of the parts of a share."""
        pixels, patches = (
            [Counted(values, each.per_pair) for values in each.values.tensor_split(num_parts)]
            for each in self
        )
        return [Masks(*each) for each in zip(pixels, patches, strict=True)]


def masks_of(valid: Tensor, discriminator: nn.Module) -> Masks:
    """What counts of a share with these valid pixels, (N, 1, H, W) bool.

    Every rank must call it at the same time. `discriminator` is not wrapped for several workers.
    """
    assert isinstance(discriminator, PatchDiscriminator)
    patches = discriminator.patches_with(valid)
    totals = [valid.new_tensor(len(valid), dtype=torch.int64), valid.sum(), patches.sum()]
    num_pairs, num_pixels, num_patches = sum_over_ranks(torch.stack(totals)).unbind()
    return Masks(
        Counted(valid, num_pixels.clamp(min=1) / num_pairs),
        Counted(patches, num_patches.clamp(min=1) / num_pairs),
    )
