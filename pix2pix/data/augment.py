"""Augmentation: random changes of training pairs, each a pure function of (seed, epoch, pair_id).

Images are (H, W, C) stored values: uint8, uint16 or float32, any number of channels. All sources of
a pair and its target get the same geometric change.
"""

import hashlib
import logging
import random
from collections.abc import Sequence
from copy import copy
from dataclasses import replace

import cv2
import numpy as np

from pix2pix.config import AugmentConfig, DataConfig, height_width
from pix2pix.data.geometry import Change, Geometry
from pix2pix.data.manifest import SideRecord
from pix2pix.data.padding import reflected
from pix2pix.data.transforms import photometric_transforms, resamples
from pix2pix.errors import UserError
from pix2pix.images.alpha import premultiplied, straight, weighted_by_alpha
from pix2pix.images.rounding import rounded_to

logger = logging.getLogger(__name__)

_PHOTOMETRIC_SETTINGS = ("brightness", "contrast", "noise", "blur_px")
# Photometric changes use a random stream of their own, so that switching them on does not change
# crops, flips and rotations. The value is arbitrary, but not 0.
_PHOTOMETRIC_STREAM = 0x9E3779B97F4A7C15


class Augmentation:
    """The random change of pairs that `augment` describes; results have the size data.image_size.

    `extra` are the sides of the extra sources, which are changed like the source. Labels are
    resampled with "nearest". Labels and opacity get no photometric changes. Photometric results
    stay inside the side's value_range. All images of a pair that are changed get the same random
    brightness, contrast, blur and amount of noise. The noise itself is that of the source in the
    target, and another one in each extra source, as of another sensor. Calls do not depend on
    earlier calls, but no two threads may call the same object at a time.
    """

    def __init__(
        self,
        augment: AugmentConfig,
        data: DataConfig,
        *,
        source: SideRecord,
        target: SideRecord,
        extra: Sequence[SideRecord] = (),
    ) -> None:
        """Raises UserError if there are photometric settings but no side that they could change."""
        _check_photometric(augment, sources=(source, *extra), target=target)
        self.source = source
        self.target = target
        self.size = height_width(data.image_size)  # height and width of the results
        self._extra = tuple(extra)
        self._geometry = Geometry(augment, data.image_size)
        self._photometry = photometric_transforms(augment)
        self._resamples = resamples(augment)
        self._blur_px = augment.blur_px
        self._both = augment.photometric_on == "both"

    @property
    def sources(self) -> tuple[SideRecord, ...]:
        """The sides of all sources, in the order of their channels."""
        return (self.source, *self._extra)

    def with_opacity(self) -> "Augmentation":
        """The same change of images to which a channel of opacity was appended."""
        changed = copy(self)
        changed.source = replace(self.source, alpha=True)
        changed.target = replace(self.target, alpha=True)
        return changed

    def __call__(
        self, source: np.ndarray, target: np.ndarray, *, seed: int, extra: Sequence[np.ndarray] = ()
    ) -> tuple[np.ndarray, ...]:
        """Apply one geometric change to all images, then photometric changes.

        source, target and the extra sources are (H, W, C) with the same H and W; if they are
        smaller than image_size, they are padded by reflection. The results, in the same order, have
        image_size and the same dtypes. The inputs are not modified; a result may be a view of its
        input. `seed` comes from `augment_seed`.
        """
        images = [reflected(image, *self.size) for image in (source, target, *extra)]
        sides = (self.source, self.target, *self._extra)
        change = self._geometry.draw(images[0].shape, seed=seed)
        source, target, *others = (
            self._moved(image, side, change) for image, side in zip(images, sides, strict=True)
        )
        if self._both:
            target = self._photometric(target, self.target, seed=seed)
        return (
            self._photometric(source, self.source, seed=seed),
            target,
            *(
                self._photometric(image, side, seed=seed, number=number)
                for number, (image, side) in enumerate(
                    zip(others, self._extra, strict=True), start=1
                )
            ),
        )

    def _moved(self, image: np.ndarray, side: SideRecord, change: Change) -> np.ndarray:
        # Resampling averages colours, which must be weighted by their opacity.
        weighs = self._resamples and side.alpha and side.kind == "image"
        moved = self._geometry.apply(change, premultiplied(image) if weighs else image, side.kind)
        return rounded_to(image.dtype, straight(moved, image)) if weighs else moved

    def _photometric(
        self, image: np.ndarray, side: SideRecord, *, seed: int, number: int = 0
    ) -> np.ndarray:
        """Apply photometric changes to the visible colours; opacity and labels are not changed.

        `number` counts the extra sources, from 1.
        """
        if not self._photometry.transforms or side.kind == "labels":
            return image
        if not side.alpha:
            return self._alter_colours(image, side.value_range, seed=seed, number=number)
        colours, opacity = image[..., :-1], image[..., -1:]
        visible = opacity > 0
        # Blur would mix the meaningless colours of transparent pixels into visible pixels.
        filled = np.where(visible, colours, _spread_colours(image, self._blur_px))
        altered = self._alter_colours(filled, side.value_range, seed=seed, number=number)
        return np.concatenate([np.where(visible, altered, colours), opacity], axis=-1)

    def _alter_colours(
        self, image: np.ndarray, value_range: tuple[float, float], *, seed: int, number: int
    ) -> np.ndarray:
        """Apply photometric changes to values scaled to [0, 1].

        For integer images, albumentations would assume the ranges 0..255 and 0..65535.
        """
        # `set_random_seed` cannot be used: it gives every transform a generator with the same seed,
        # so that all of them would use equal random numbers (albumentations 2.0.8).
        seed ^= _PHOTOMETRIC_STREAM
        # The first generator draws the noise of the pixels alone, the second all amounts. If two
        # sources had the same noise, their difference would be free of it.
        noise_seed = (seed, number) if number else seed
        self._photometry.set_random_state(np.random.default_rng(noise_seed), random.Random(seed))
        low, high = value_range
        unit = (image.astype(np.float32) - low) / np.float32(high - low)
        unit = self._photometry(image=unit)["image"]
        values: np.ndarray = unit * np.float32(high - low) + np.float32(low)
        return rounded_to(image.dtype, values)  # a declared range may be wider than the dtype


def _spread_colours(image: np.ndarray, blur_px: float) -> np.ndarray:
    """The colours of (H, W, C) with alpha last; transparent pixels get those of visible neighbours.

    Neighbours are weighted by a Gaussian of standard deviation `blur_px` pixels.
    """
    if not blur_px:
        return image[..., :-1]
    spread = weighted_by_alpha(image, lambda values: cv2.GaussianBlur(values, (0, 0), blur_px))
    return rounded_to(image.dtype, spread[..., :-1])


def augment_seed(seed: int, epoch: int, pair_id: str, *, crop: int = 0) -> int:
    """A 64-bit seed that depends only on the arguments, on any machine and in any process.

    `crop` counts the crops of one pair in an epoch.
    """
    # No file name has the character 0, so no pair has the seeds of another one's later crops.
    number = f"\0{crop}" if crop else ""
    digest = hashlib.sha256(f"{seed}/{epoch}/{pair_id}{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _check_photometric(
    augment: AugmentConfig, *, sources: Sequence[SideRecord], target: SideRecord
) -> None:
    # An image among several sources suffices.
    source = next((side for side in sources if side.kind == "image"), sources[0])
    names = [f"augment.{name}" for name in _PHOTOMETRIC_SETTINGS if getattr(augment, name)]
    both = augment.photometric_on == "both"
    chosen = {"source": source, "target": target} if both else {"source": source}
    labels = [name for name, side in chosen.items() if side.kind == "labels"]
    if not names or not labels:
        return
    if len(labels) == len(chosen):
        remedy = "set them to 0" if both else "set them to 0, or augment.photometric_on: both"
        raise UserError(
            f"{', '.join(names)} would change nothing: {' and '.join(labels)} hold labels; {remedy}"
        )
    logger.warning("%s: not applied to the %s, which holds labels", ", ".join(names), labels[0])
