"""Augmentation: random changes of training pairs, each a pure function of (seed, epoch, pair_id).

Images are (H, W, C) stored values: uint8, uint16 or float32, any number of channels.
"""

import hashlib
import logging
import os
import random
from copy import copy
from dataclasses import replace

import cv2
import numpy as np

from pix2pix.config import AugmentConfig, DataConfig, Size, height_width
from pix2pix.data.manifest import SideRecord
from pix2pix.data.padding import reflected
from pix2pix.errors import UserError
from pix2pix.images.alpha import premultiplied, straight, weighted_by_alpha

# Without this, importing albumentations asks the package index for a newer version: a delay and a
# warning where there is no network. The variable is read once, during the import.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations as A  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)

_PHOTOMETRIC_SETTINGS = ("brightness", "contrast", "noise", "blur_px")
# Photometric changes use a random stream of their own, so that switching them on does not change
# crops, flips and rotations. The value is arbitrary, but not 0.
_PHOTOMETRIC_STREAM = 0x9E3779B97F4A7C15
_INTERPOLATION = {"image": cv2.INTER_LINEAR, "labels": cv2.INTER_NEAREST}
# Areas outside of a turned or shrunk image are filled by reflection, not with a constant colour.
_BORDER = cv2.BORDER_REFLECT_101


class Augmentation:
    """The random change of a pair; keeps no random state between calls.

    Made by `make_augmentation`. It can be pickled, so that each loader worker gets a copy.
    """

    def __init__(
        self,
        geometry: A.Compose,
        photometry: A.Compose,
        *,
        source: SideRecord,
        target: SideRecord,
        both: bool,
        blur_px: float,
        size: tuple[int, int],
    ) -> None:
        self.source = source
        self.target = target
        self._geometry = geometry
        self._photometry = photometry
        self._blur_px = blur_px
        self._size = size  # height and width of the results
        self._resamples = any(isinstance(each, A.Affine) for each in geometry.transforms)
        self._alters_source = bool(photometry.transforms) and source.kind == "image"
        self._alters_target = bool(photometry.transforms) and target.kind == "image" and both

    def with_opacity(self) -> "Augmentation":
        """The same change of images to which a channel of opacity was appended."""
        changed = copy(self)
        changed.source = replace(self.source, alpha=True)
        changed.target = replace(self.target, alpha=True)
        return changed

    def __call__(
        self, source: np.ndarray, target: np.ndarray, *, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Apply one geometric change to both images, then photometric changes.

        source and target are (H, W, C) with the same H and W; if they are smaller than image_size,
        they are padded by reflection. The results have image_size and the same dtypes. The inputs
        are not modified; a result may be a view of its input. `seed` comes from `augment_seed`.
        """
        source, target = (reflected(image, *self._size) for image in (source, target))
        _reseed(self._geometry, seed)
        # albumentations changes `image` and `mask` alike, with an interpolation for each of them.
        changed = self._geometry(
            image=self._to_resample(source, self.source),
            mask=self._to_resample(target, self.target),
        )
        source = self._resampled(changed["image"], source, self.source)
        target = self._resampled(changed["mask"], target, self.target)
        if self._alters_source:
            source = self._alter(source, self.source, seed=seed)
        if self._alters_target:
            target = self._alter(target, self.target, seed=seed)
        return source, target

    def _weighs(self, side: SideRecord) -> bool:
        """Whether resampling averages colours of this side and must weight them by opacity."""
        return self._resamples and side.alpha and side.kind == "image"

    def _to_resample(self, image: np.ndarray, side: SideRecord) -> np.ndarray:
        return premultiplied(image) if self._weighs(side) else image

    def _resampled(self, changed: np.ndarray, before: np.ndarray, side: SideRecord) -> np.ndarray:
        return _as_stored(straight(changed, before), before) if self._weighs(side) else changed

    def _alter(self, image: np.ndarray, side: SideRecord, *, seed: int) -> np.ndarray:
        """Apply photometric changes to the visible colours; opacity is not changed."""
        if not side.alpha:
            return self._alter_colours(image, side.value_range, seed=seed)
        colours, opacity = image[..., :-1], image[..., -1:]
        visible = opacity > 0
        # Blur would mix the meaningless colours of transparent pixels into visible pixels.
        filled = np.where(visible, colours, _spread_colours(image, self._blur_px))
        altered = self._alter_colours(filled, side.value_range, seed=seed)
        return np.concatenate([np.where(visible, altered, colours), opacity], axis=-1)

    def _alter_colours(
        self, image: np.ndarray, value_range: tuple[float, float], *, seed: int
    ) -> np.ndarray:
        """Apply photometric changes to values scaled to [0, 1].

        For integer images, albumentations would assume the ranges 0..255 and 0..65535.
        """
        _reseed(self._photometry, seed ^ _PHOTOMETRIC_STREAM)
        low, high = value_range
        unit = (image.astype(np.float32) - low) / np.float32(high - low)
        unit = self._photometry(image=unit)["image"]
        values: np.ndarray = unit * np.float32(high - low) + np.float32(low)
        return _as_stored(values, image)


def _as_stored(values: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Convert to the dtype of `image`; for integers, values are rounded and clipped."""
    if not np.issubdtype(image.dtype, np.integer):
        return values.astype(image.dtype)
    limits = np.iinfo(image.dtype)  # a declared range may be wider than the dtype
    rounded: np.ndarray = np.rint(values).clip(limits.min, limits.max)
    return rounded.astype(image.dtype)


def _spread_colours(image: np.ndarray, blur_px: float) -> np.ndarray:
    """The colours of (H, W, C) with alpha last; transparent pixels get those of visible neighbours.

    Neighbours are weighted by a Gaussian of standard deviation `blur_px` pixels.
    """
    if not blur_px:
        return image[..., :-1]
    spread = weighted_by_alpha(image, lambda values: cv2.GaussianBlur(values, (0, 0), blur_px))
    return _as_stored(spread[..., :-1], image)


def augment_seed(seed: int, epoch: int, pair_id: str, *, crop: int = 0) -> int:
    """A 64-bit seed that depends only on the arguments, on any machine and in any process.

    `crop` counts the crops of one pair in an epoch.
    """
    # No file name has the character 0, so no pair has the seeds of another one's later crops.
    number = f"\0{crop}" if crop else ""
    digest = hashlib.sha256(f"{seed}/{epoch}/{pair_id}{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def make_augmentation(
    augment: AugmentConfig, data: DataConfig, *, source: SideRecord, target: SideRecord
) -> Augmentation:
    """Build the augmentation that `augment` describes; results have the size data.image_size.

    Labels are resampled with "nearest". Labels and opacity get no photometric changes. Photometric
    results stay inside the side's value_range. With photometric_on: both, both sides of a pair get
    the same random brightness, contrast and blur.

    Raises UserError if there are photometric settings but no side that they could change.
    """
    _check_photometric(augment, source=source, target=target)
    return Augmentation(
        _geometry(augment, data.image_size, source=source, target=target),
        _photometry(augment),
        source=source,
        target=target,
        both=augment.photometric_on == "both",
        blur_px=augment.blur_px,
        size=height_width(data.image_size),
    )


def _check_photometric(augment: AugmentConfig, *, source: SideRecord, target: SideRecord) -> None:
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


def _geometry(
    augment: AugmentConfig, image_size: Size, *, source: SideRecord, target: SideRecord
) -> A.Compose:
    """Rotation and scaling (in one resampling), then crop, flips and quarter turns."""
    transforms: list[A.DualTransform] = []
    if augment.rotate_deg or augment.scale:
        transforms.append(
            A.Affine(
                rotate=(-augment.rotate_deg, augment.rotate_deg),
                scale=(1 - augment.scale, 1 + augment.scale),
                keep_ratio=True,
                interpolation=_INTERPOLATION[source.kind],
                mask_interpolation=_INTERPOLATION[target.kind],
                border_mode=_BORDER,
                p=1,
            )
        )
    transforms.append(A.RandomCrop(*height_width(image_size)))
    if augment.horizontal_flip:
        transforms.append(A.HorizontalFlip(p=augment.horizontal_flip))
    if augment.vertical_flip:
        transforms.append(A.VerticalFlip(p=augment.vertical_flip))
    if augment.rotate_90:
        transforms.append(A.RandomRotate90(p=augment.rotate_90))
    return A.Compose(transforms)


def _photometry(augment: AugmentConfig) -> A.Compose:
    """Changes in the order in which a camera makes them: exposure, lens blur, sensor noise.

    A change of contrast keeps the low end of the value range fixed.
    """
    transforms: list[A.ImageOnlyTransform] = []
    if augment.brightness or augment.contrast:
        transforms.append(
            A.RandomBrightnessContrast(
                brightness_limit=(-augment.brightness, augment.brightness),
                contrast_limit=(-augment.contrast, augment.contrast),
                p=1,
            )
        )
    if augment.blur_px:
        transforms.append(A.GaussianBlur(sigma_limit=(0, augment.blur_px), blur_limit=0, p=1))
    if augment.noise:
        transforms.append(A.GaussNoise(std_range=(0, augment.noise), per_channel=True, p=1))
    return A.Compose(transforms)


def _reseed(compose: A.Compose, seed: int) -> None:
    """Set the random state of `compose`.

    `set_random_seed` cannot be used: it gives every transform a generator with the same seed, so
    that both flips and the crop would use equal random numbers (albumentations 2.0.8).
    """
    compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
