"""How the networks compute: autocast type and memory layout."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from pix2pix.config import TrainConfig


def autocast(config: TrainConfig, device: torch.device) -> AbstractContextManager[object]:
    """The context in which the networks run; losses stay float32 outside it."""
    if config.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def laid_out(images: Tensor, config: TrainConfig) -> Tensor:
    """(N, C, H, W) in the networks' memory layout; the loader hands out channels-last strides."""
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    return images.contiguous(memory_format=layout)
