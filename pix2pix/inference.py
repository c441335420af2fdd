"""Translate images of any size with a trained model, the way the model says it is to be run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch.nn import functional as F

from pix2pix.checkpoint import ModelCard, load_generator
from pix2pix.data.labels import class_to_void
from pix2pix.data.ranges import from_network, to_network
from pix2pix.errors import UserError
from pix2pix.models import UNetGenerator, translate


@dataclass(frozen=True)
class Translator:
    """A generator with its card: raw source images in, raw target images out."""

    generator: UNetGenerator
    card: ModelCard
    device: torch.device

    @classmethod
    def load(cls, model_dir: Path, device: str = "cpu") -> Self:
        """Read a model folder. Raises UserError naming what is missing or damaged."""
        generator, card = load_generator(model_dir)
        return cls(generator.to(device), card, torch.device(device))

    def translate(self, image: np.ndarray) -> np.ndarray:
        """Translate one image (H, W, C) of the source's dtype to (H, W, C') of the target's."""
        translated: np.ndarray = self.translate_batch(image[None])[0]
        return translated

    def translate_batch(self, images: np.ndarray) -> np.ndarray:
        """Translate (N, H, W, C) of the source's dtype to (N, H, W, C') of the target's.

        Any H and W: the images are padded to what the U-Net can halve, by reflection, and cropped
        back. An image's result does not depend on the others in the batch. Raises UserError if
        shape or dtype are not what the model was trained on.
        """
        self._check(images)
        source = to_network(torch.from_numpy(images).to(self.device), self.card.source.value_range)
        height, width = images.shape[1:3]
        padded = _pad(source, 2**self.card.generator.depth)
        fake = translate(
            self.generator,
            padded,
            mode=self.card.inference_mode,
            seeds=[self.card.seed] * len(images),
        )
        target = self.card.target
        drawn = from_network(
            fake[:, :, :height, :width], value_range=target.value_range, dtype=target.dtype
        )
        return class_to_void(drawn, target)

    def _check(self, images: np.ndarray) -> None:
        source = self.card.source
        if images.ndim != 4 or images.shape[-1] != source.channels or 0 in images.shape:
            raise UserError(
                f"model {self.card.name} translates images of shape (N, H, W, {source.channels}), "
                f"got {images.shape}"
            )
        if images.dtype != np.dtype(source.dtype):
            raise UserError(
                f"model {self.card.name} was trained on {source.dtype} sources in "
                f"{list(source.value_range)}, got {images.dtype}"
            )


def _pad(images: torch.Tensor, multiple: int) -> torch.Tensor:
    """Extend to the right and below to a multiple; reflection where the image is large enough."""
    height, width = images.shape[-2:]
    below, right = -height % multiple, -width % multiple
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)
