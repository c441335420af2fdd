"""A trained model as a translator of images."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Self

import numpy as np

from pix2pix.checkpoint import load_generator
from pix2pix.config import Scale
from pix2pix.data.manifest import FIRST_SOURCE, SideRecord
from pix2pix.errors import UserError
from pix2pix.images.masked import read_side
from pix2pix.images.options import VolumeSlice
from pix2pix.images.validity import Masked
from pix2pix.inference.answers import translated_values
from pix2pix.inference.conversion_memory import conversion_bytes
from pix2pix.inference.from_photo import (
    at_size_of,
    check_makes_sources,
    made_source,
    name_of_photo,
)
from pix2pix.inference.in_tiles import Progress, translate_tiled
from pix2pix.inference.source_images import (
    Images,
    batch_of_one,
    conformed_batch,
    filled_sources,
    fitted,
    of_each_source,
    resized,
    which_image,
)
from pix2pix.inference.value_checks import warn_outside
from pix2pix.inference.whole import translate_whole
from pix2pix.memory import allowed_bytes, enough_memory
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceMode, InferenceNetwork
from pix2pix.models.padding import padded_size
from pix2pix.tiled import least_bytes, whole_bytes

InferenceScale = Literal["training", "native"]

_BATCH_PIXELS = 8 * 256**2  # a larger batch needs more memory and is no faster


def _no_progress(_share: float) -> None:
    pass


@dataclass(frozen=True)
class Translator:
    """A trained network and its card: translates source images to target images.

    Images have the values of files. Each one is converted as the stage `prepare` converts training
    images: its channels become those of the source side, its class ids are checked, and it is
    resized by the rule of the training. The result is resized to the image's own size, or
    `target_scale` times that. Where the network needs it, images are padded by reflection, and the
    result is cropped.

    A model of one source takes an array. A model of several sources takes a mapping with an array
    for each name in `sources`, such as {"source": labels, "depth": depth}; the arrays differ in
    channels and dtype. The size of the result follows from that of "source". The other images have
    the same size, or the ratio to it that they had in the training.

    The scale "native" keeps the image's size. Unless the rule of the training is `none`, the model
    was neither trained nor scored at this scale.

    An image that does not fit into memory is translated in tiles, with the same result but for
    rounding, see `pix2pix.tiled`. `max_memory_gib` limits what this process takes of the device's
    memory; None: it takes as much as is available. With `from_photo`, `translate_file` takes
    photos, and makes the sources of them with the recipe of the training.

    A Translator is never modified, so several threads may share one.
    """

    network: InferenceNetwork
    card: ModelCard
    max_memory_gib: float | None = None
    from_photo: bool = False

    @classmethod
    def load(
        cls,
        model_dir: Path,
        device: str = "cpu",
        *,
        mode: InferenceMode | None = None,
        max_memory_gib: float | None = None,
        from_photo: bool = False,
    ) -> Self:
        """Load a model folder, in another inference mode than its card's if `mode` says so.

        Raises UserError naming the file that is missing or damaged, or if a model without a recipe
        is to translate `from_photo`.
        """
        generator, card = load_generator(model_dir)
        if from_photo:
            check_makes_sources(card)
        card = card if mode is None else replace(card, inference_mode=mode)
        network = InferenceNetwork(generator.to(device), card.inference_mode)
        # A copy, as the weights are mapped from their file and take memory only when they are used:
        # what an image may take could not be calculated before.
        return cls(deepcopy(network), card, max_memory_gib, from_photo)

    @property
    def sources(self) -> dict[str, SideRecord]:
        """What each source image has to be, by name, in the order of the generator's channels.

        The first name is "source"; most models have no other one.
        """
        return self.card.sources

    def translate_file(
        self,
        path: Path,
        volume_slice: VolumeSlice | None = None,
        *,
        extra_paths: Mapping[str, Path] = MappingProxyType({}),
        pair_id: str | None = None,
        scale: InferenceScale = "training",
        progress: Progress = _no_progress,
    ) -> np.ndarray:
        """Translate an image file, or a slice of it, to (H, W, C') of the target's dtype.

        `extra_paths` are the files of the sources beside the first one, by name. What a recipe
        draws at random for a photo depends on `pair_id`, as in the training; None: on the name of
        the file. If the image is translated in tiles, `progress` is called with the finished share.

        Raises UserError naming the file if it cannot be read, does not fit the model's source side,
        or needs more memory than is available. Values outside of the range of the training are a
        warning, unless they are so far outside that they are refused.
        """
        try:
            if self.from_photo:
                photo = read_side(
                    path, self.card.target, volume_slice, dtype=self.card.target.dtype
                )
                name = pair_id or name_of_photo(path, volume_slice)
                result = self._translated_photo(photo.pixels, name, scale=scale, progress=progress)
                warn_outside(path, photo.pixels, self.card.target)
                return result
            paths = of_each_source(self.card, {FIRST_SOURCE: path, **extra_paths})
            images = [
                read_side(each, side, volume_slice, dtype=side.dtype)
                for each, side in zip(paths, self.card.sources.values(), strict=True)
            ]
            (result,) = self._translated([images], scale=scale, progress=progress)
            for each, image, side in zip(paths, images, self.card.sources.values(), strict=True):
                warn_outside(each, image.pixels, side)
            return result
        except UserError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise UserError(f"{path}: {reason}") from None

    def _translated_photo(
        self, photo: np.ndarray, name: str, *, scale: InferenceScale, progress: Progress
    ) -> np.ndarray:
        source = made_source(self.card, photo, name=name, is_native=scale == "native")
        (result,) = self._translated([[Masked(source)]], scale=scale, progress=progress)
        return at_size_of(photo, result, self.card)

    def translate(self, image: Images, *, scale: InferenceScale = "training") -> np.ndarray:
        """Translate one image (H, W, C) of the source's dtype to (H, W, C') of the target's.

        An image of a single channel may be (H, W) as well. A model of several sources takes one
        image for each of them, by name. Raises UserError as `translate_batch` does.
        """
        batch = batch_of_one(self.card, image)
        translated: np.ndarray = self.translate_batch(batch, scale=scale)[0]
        return translated

    def translate_batch(self, images: Images, *, scale: InferenceScale = "training") -> np.ndarray:
        """Translate (N, H, W, C) of the source's dtype to (N, H, W, C') of the target's.

        A model of several sources takes a batch for each of them, by name. The values are those of
        files: a grayscale side accepts three channels, and labels include void_label. Pixels with
        the source side's nodata value, NaN or ignore_label are filled as in training; the results
        have the target side's nodata value or ignore_label there. With the nodata "file", an array
        states no value, and only NaN is meant. The result for an image does not depend on the
        others of the batch. Raises UserError if names, shape, dtype or values are not those that
        the model was trained on, or if there is not enough memory.
        """
        conformed = conformed_batch(self.card, images)
        return np.stack(self._translated(conformed, scale=scale))

    def _translated(
        self,
        images: Sequence[Sequence[Masked]],
        *,
        scale: InferenceScale,
        progress: Progress = _no_progress,
    ) -> list[np.ndarray]:
        """Translate images of one size that `conformed_batch` has converted, one per source."""
        images = [
            fitted(self.card, each, which=which_image(index, len(images)))
            for index, each in enumerate(images)
        ]
        padded = self._padded_size(images[0][0].pixels, scale)
        at_once = max(1, _BATCH_PIXELS // (padded[0] * padded[1]))
        translated = []
        for first in range(0, len(images), at_once):
            part = images[first : first + at_once]
            translated += self._batch(part, scale=scale, progress=progress)
        return translated

    def _scale(self, scale: InferenceScale) -> Scale:
        """How images come to the size of the network."""
        native = Scale("none", None, self.card.target_scale)
        return self.card.image_scale if scale == "training" else native

    def _padded_size(self, image: np.ndarray, scale: InferenceScale) -> tuple[int, int]:
        """The height and width that the network receives."""
        size = self._scale(scale).size_of(*image.shape[:2])
        return padded_size(size, self.card.generator.multiple_px)

    def _batch(
        self, images: Sequence[Sequence[Masked]], *, scale: InferenceScale, progress: Progress
    ) -> list[np.ndarray]:
        """Translate images at once if there is enough memory, else one by one and in tiles."""
        height, width = images[0][0].pixels.shape[:2]
        result_size = self._scale(scale).target_size(height, width)
        padded = self._padded_size(images[0][0].pixels, scale)
        allowed = allowed_bytes(self.network.device, self.max_memory_gib)
        inner_size = self._scale(scale).size_of(height, width)
        around = len(images) * conversion_bytes(self.card, images[0], inner_size, result_size)
        needed = around + len(images) * whole_bytes(self.card.generator, padded)
        in_tiles = needed > allowed
        if in_tiles:
            needed = around + least_bytes(self.network, padded)
        what = f"an image of {width}x{height} px"
        with enough_memory(needed, allowed, what=what, max_memory_gib=self.max_memory_gib):
            inner = [resized(self.card, each, inner_size) for each in images]
            shown = [filled_sources(self.card, each) for each in inner]
            if in_tiles:
                translate = partial(
                    translate_tiled,
                    self.network,
                    self.card,
                    padded_size=padded,
                    allowed_bytes=allowed - around,
                    progress=progress,
                )
                drawn = [translate(image) for image in shown]
            else:
                drawn = list(translate_whole(self.network, self.card, shown))
            return [
                translated_values(
                    Masked(answer, seen[0].valid), each[0].valid, self.card.target, size=result_size
                )
                for answer, seen, each in zip(drawn, inner, images, strict=True)
            ]
