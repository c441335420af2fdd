"""Translate images with a trained model, with the same conversions as in training and scoring."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from pix2pix.checkpoint import ModelCard, load_generator
from pix2pix.config import Scale as ImageScale
from pix2pix.data.ranges import from_network, to_network
from pix2pix.errors import UserError
from pix2pix.images.image import conform, read_side
from pix2pix.images.labels import class_to_void
from pix2pix.images.scale import from_scale, to_scale
from pix2pix.memory import enough_memory
from pix2pix.models import InferenceNetwork, translate

Scale = Literal["training", "native"]

_BATCH_PIXELS = 8 * 256**2  # a larger batch needs more memory and is no faster
_MAPS = 1.25  # floats of working memory per input pixel and base channel; measured: 1.1 at 64


@dataclass(frozen=True)
class Translator:
    """A trained network and its card: translates source images to target images.

    Images have the values of files. Each one is converted as the stage `prepare` converts training
    images: its channels become those of the source side, its class ids are checked, and it is
    resized by the rule of the training. The result is resized to the image's own size, or
    `target_scale` times that. Where the network needs it, images are padded by reflection, and the
    result is cropped.

    The scale "native" keeps the image's size. Unless the rule of the training is `none`, the model
    was neither trained nor scored at this scale.

    A Translator is never modified, so several threads may share one.
    """

    network: InferenceNetwork
    card: ModelCard

    @classmethod
    def load(cls, model_dir: Path, device: str = "cpu") -> Self:
        """Load a model folder. Raises UserError naming the file that is missing or damaged."""
        generator, card = load_generator(model_dir)
        return cls(InferenceNetwork(generator.to(device), card.inference_mode), card)

    def translate_file(self, path: Path, *, scale: Scale = "training") -> np.ndarray:
        """Translate an image file to (H, W, C') of the target's dtype.

        Raises UserError naming the file if it cannot be read, does not fit the model's source side,
        or needs more memory than is available.
        """
        try:
            return self._translated([read_side(path, self.card.source)], scale=scale)[0]
        except UserError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise UserError(f"{path}: {reason}") from None

    def translate(self, image: np.ndarray, *, scale: Scale = "training") -> np.ndarray:
        """Translate one image (H, W, C) of the source's dtype to (H, W, C') of the target's."""
        translated: np.ndarray = self.translate_batch(image[None], scale=scale)[0]
        return translated

    def translate_batch(self, images: np.ndarray, *, scale: Scale = "training") -> np.ndarray:
        """Translate (N, H, W, C) of the source's dtype to (N, H, W, C') of the target's.

        The values are those of files: a grayscale side accepts three channels, and labels include
        void_label. The result for an image does not depend on the others of the batch. Raises
        UserError if shape, dtype or values are not those that the model was trained on, or if there
        is not enough memory.
        """
        if images.ndim != 4 or 0 in images.shape:
            raise UserError(
                f"model {self.card.name} translates images of shape (N, H, W, "
                f"{self.card.source.channels}), got {images.shape}"
            )
        conformed = [self._conformed(image) for image in images]
        return np.stack(self._translated(conformed, scale=scale))

    def _conformed(self, image: np.ndarray) -> np.ndarray:
        try:
            return conform(image, self.card.source)
        except UserError as error:
            raise UserError(
                f"model {self.card.name} cannot translate this image: {error}"
            ) from None

    def _translated(self, images: Sequence[np.ndarray], *, scale: Scale) -> list[np.ndarray]:
        """Translate conformed images of one size."""
        for image in images:
            self._check_values(image)
        height, width = images[0].shape[:2]
        size = self._network_size(height, width, scale)
        at_once = max(1, _BATCH_PIXELS // (size[0] * size[1]))
        device = self.network.device
        translated = []
        for first in range(0, len(images), at_once):
            part = images[first : first + at_once]
            needed = self._needed_bytes((height, width), size, num_images=len(part))
            with enough_memory(needed, device, what=f"an image of {width}x{height} px"):
                translated += self._batch(part, scale=scale)
        return translated

    def _check_values(self, image: np.ndarray) -> None:
        source = self.card.source
        if image.dtype != np.dtype(source.dtype):
            raise UserError(
                f"model {self.card.name} was trained on {source.dtype} sources in "
                f"{list(source.value_range)}, got {image.dtype}"
            )
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise UserError(f"model {self.card.name} cannot translate NaN or infinite values")

    def _scale(self, scale: Scale) -> ImageScale:
        native = ImageScale("none", None, self.card.target_scale)
        return self.card.image_scale if scale == "training" else native

    def _network_size(self, height: int, width: int, scale: Scale) -> tuple[int, int]:
        height, width = self._scale(scale).size_of(height, width)
        multiple = 2**self.card.generator.depth
        return height + -height % multiple, width + -width % multiple

    def _batch(self, images: Sequence[np.ndarray], *, scale: Scale) -> list[np.ndarray]:
        card = self.card
        height, width = self._scale(scale).target_size(*images[0].shape[:2])
        images = [to_scale(image, card.source, self._scale(scale)) for image in images]
        raw = torch.from_numpy(np.stack(images)).to(self.network.device)
        source = to_network(raw, card.source.value_range)
        fake = translate(self.network, source.contiguous(), seeds=[card.seed] * len(images))
        _check_finite(fake, card)
        drawn = from_network(fake, value_range=card.target.value_range, dtype=card.target.dtype)
        return [
            class_to_void(from_scale(image, card.target, height, width), card.target)
            for image in drawn
        ]

    def _needed_bytes(
        self, image_size: tuple[int, int], network_size: tuple[int, int], *, num_images: int
    ) -> int:
        """Estimate the working memory of a batch, without its input images; sizes are (H, W).

        The outermost level of the U-Net needs the most: its feature maps have a quarter of the
        image's pixels, and the skip connection, the upsampled map and their concatenation exist at
        the same time. `_MAPS` is this amount as measured, rounded up.
        """
        channels = self.card.source.channels + self.card.target.channels
        floats = round(_MAPS * self.card.generator.base_channels) + 4 * channels
        network = 4 * floats * network_size[0] * network_size[1]
        resized = 12 * channels * image_size[0] * image_size[1]  # float32 copies, and the result
        return num_images * (network + resized)


def _check_finite(fake: Tensor, card: ModelCard) -> None:
    if not torch.isfinite(fake).all():
        raise UserError(
            f"model {card.name} answers with NaN or infinite values: its weights are damaged, or "
            f"the image lies far outside of {list(card.source.value_range)}"
        )
