"""Compare an exported file with the inference network that it was made of."""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.config import height_width
from pix2pix.errors import UserError
from pix2pix.models import InferenceNetwork, translate
from pix2pix.models.inference_network import dropout_masks
from pix2pix.models.padding import padded_size
from pix2pix.plural import counted

TOLERANCE = 1e-4  # of the network's range [-1, 1]

_CELL_PX = 16
_MOST_PIXELS = 2**20  # of a batch, padding included

Network = Callable[[Tensor, Sequence[Tensor]], Tensor]  # the arguments of `PortableNetwork`


class BatchSize(NamedTuple):
    """A number of images and their size in pixels."""

    num_images: int
    height: int
    width: int


class Parity(NamedTuple):
    """The largest absolute difference for each size of batch, in the network's range [-1, 1]."""

    differences: dict[BatchSize, float]

    @property
    def largest(self) -> float:
        """The largest of all."""
        return max(self.differences.values())


def odd_sizes(network: InferenceNetwork, image_size: int | tuple[int, int]) -> list[BatchSize]:
    """The size of the training, and sizes around the network's multiple, for several batches.

    Batches that would need much memory are left out.
    """
    multiple = network.config.multiple_px
    sizes = [
        BatchSize(1, *height_width(image_size)),
        BatchSize(2, multiple - 1, multiple + 1),
        BatchSize(1, 2 * multiple + 1, multiple // 2 + 1),
        BatchSize(3, 1, 3),
        BatchSize(1, multiple, multiple),
    ]
    small = [size for size in sizes if _padded_pixels(size, multiple) <= _MOST_PIXELS]
    return list(dict.fromkeys(small or sizes[-1:]))


def measure_parity(
    exported: Network, network: InferenceNetwork, sizes: Iterable[BatchSize], *, seed: int
) -> Parity:
    """Run both on random images, with the same dropout masks, those of `seed`."""
    differences = {}
    for size in sizes:
        source = random_sources(size, network.config.source_channels)
        expected = translate(network, source, seeds=[seed] * len(source))
        found = exported(source, masks_for(network, source, seed=seed))
        # A difference of NaN is not below any tolerance.
        differences[size] = float((found - expected).abs().max())
    return Parity(differences)


def check_parity(parity: Parity, *, file_name: str) -> None:
    """Raise UserError naming the first size where the difference is too large, or is no number."""
    for size, difference in parity.differences.items():
        if not difference < TOLERANCE:
            raise UserError(
                f"{file_name} would differ from the inference network by {difference:.3g} for "
                f"{counted(size.num_images, 'image')} of {size.width}x{size.height} px, and "
                f"{TOLERANCE:g} is allowed: nothing was written; check that the weights are "
                "finite, and compare the versions of torch, onnx and onnxruntime with those of "
                "requirements.lock"
            )


def masks_for(network: InferenceNetwork, source: Tensor, *, seed: int) -> list[Tensor]:
    """The dropout masks (C, h, w) that `Translator` draws for images of this size."""
    height, width = padded_size(source.shape[-2:], network.config.multiple_px)
    return [mask[0] for mask in dropout_masks(network, height, width, seeds=[seed])]


def random_sources(size: BatchSize, channels: int) -> Tensor:
    """Random images (N, C, H, W) in [-1, 1]: noise above, areas of one colour below.

    Photographs are between both; a label map has such areas, which are hard for instance norm.
    """
    random = torch.Generator().manual_seed(0)
    num_images, height, width = size
    shape = (num_images, channels, -(-height // _CELL_PX), -(-width // _CELL_PX))
    cells = F.interpolate(torch.rand(shape, generator=random), scale_factor=_CELL_PX)
    source = cells[..., :height, :width].contiguous()
    upper = source[..., : height // 2, :]
    upper.copy_(torch.rand(upper.shape, generator=random))
    return source * 2 - 1


def _padded_pixels(size: BatchSize, multiple: int) -> int:
    return size.num_images * prod(padded_size(size[1:], multiple))
