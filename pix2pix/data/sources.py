"""Join the stored images of all sources to the image that the networks receive, and part it again.

Class ids of the encoding `one_hot` become one channel for each class, 1 where a pixel has the class
and 0 elsewhere, as in pix2pixHD (Wang et al. 2018, sec. 3.3) and SPADE (Park et al. 2019). All
other values are mapped to [-1, 1]. It runs on the device of its input, so that ids and small
integers are copied to the device and not floats.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pix2pix.data.manifest import SideRecord
from pix2pix.data.ranges import to_network


def join_sources(raws: Sequence[Tensor], sides: Sequence[SideRecord]) -> Tensor:
    """Convert stored images (N, H, W, C_i) of each source to one image (N, C, H, W) float32.

    Its channels are those of the sources one after the other; the strides are channels-last.
    """
    parts = [_encoded(raw, side) for raw, side in zip(raws, sides, strict=True)]
    if len(parts) == 1:
        return parts[0]
    # Joined with the channels last: the result has the strides, and so a convolution of it the
    # bits, of a single source with as many channels.
    return torch.cat([part.permute(0, 2, 3, 1) for part in parts], dim=3).permute(0, 3, 1, 2)


def part_sources(joined: Tensor, sides: Mapping[str, SideRecord]) -> dict[str, Tensor]:
    """Divide an image from `join_sources` into those of its sources, for pictures, by name.

    They are (N, C, H, W) in [-1, 1]; one-hot classes become scaled ids again.
    """
    parts = torch.split(joined, [side.network_channels for side in sides.values()], dim=1)
    return {
        name: _scaled_ids(part) if side.encoding == "one_hot" else part
        for part, (name, side) in zip(parts, sides.items(), strict=True)
    }


def _encoded(raw: Tensor, side: SideRecord) -> Tensor:
    """Convert stored images (N, H, W, C) to (N, C', H, W) float32 with channels-last strides."""
    if side.encoding == "scaled":
        return to_network(raw, side.value_range)
    ids = torch.arange(side.network_channels, dtype=torch.int32, device=raw.device)
    return (raw.to(torch.int32) == ids).to(torch.float32).permute(0, 3, 1, 2)


def _scaled_ids(classes: Tensor) -> Tensor:
    ids = classes.argmax(dim=1, keepdim=True)
    return ids * (2.0 / (classes.shape[1] - 1)) - 1.0
