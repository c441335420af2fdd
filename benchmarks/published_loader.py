"""The input path of the published pix2pix code, written plainly, to be measured beside ours.

The recipe is that of Isola et al. 2017, sec. 6.2 with the published PyTorch settings: each pair is
decoded, resized to 286 px (bicubic), cropped to 256 px at random, mirrored with probability 1/2,
and mapped to [-1, 1], in every epoch and by the processes of a `DataLoader`.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

_LOAD_PX = 286
_CROP_PX = 256


class PublishedPairs(Dataset[tuple[Tensor, Tensor]]):
    """Files that show source and target side by side, as tensors (3, 256, 256) in [-1, 1]."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        both = Image.open(self._paths[position]).convert("RGB")
        width, height = both.size
        left = both.crop((0, 0, width // 2, height))
        right = both.crop((width // 2, 0, width, height))
        top, first = (random.randint(0, _LOAD_PX - _CROP_PX) for _ in range(2))
        is_mirrored = random.random() < 0.5
        source, target = (
            _changed(half, top=top, first=first, is_mirrored=is_mirrored) for half in (left, right)
        )
        return source, target


def published_loader(
    paths: Sequence[Path], *, batch_size: int, num_workers: int
) -> DataLoader[tuple[Tensor, Tensor]]:
    """The loader of the published code; its processes are kept between epochs.

    It warns if there are more processes than cores.
    """
    return DataLoader(
        PublishedPairs(paths),
        batch_size=batch_size,
        shuffle=True,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
    )


def _changed(image: Image.Image, *, top: int, first: int, is_mirrored: bool) -> Tensor:
    size = [_LOAD_PX, _LOAD_PX]
    image = F.resize(image, size, InterpolationMode.BICUBIC)
    image = F.crop(image, top, first, _CROP_PX, _CROP_PX)
    if is_mirrored:
        image = F.hflip(image)
    tensor: Tensor = F.normalize(F.to_tensor(image), [0.5] * 3, [0.5] * 3)
    return tensor
