"""The random transforms of training pairs: the only module that imports albumentations.

It does so when transforms are made, because albumentations imports scipy: most of a second that the
process that starts a training does not have to wait for.
"""

import os
from typing import TYPE_CHECKING

import cv2

from pix2pix.config import AugmentConfig, Kind, Size, height_width

if TYPE_CHECKING:
    import albumentations as A  # type: ignore[import-untyped]

# Without this, importing albumentations asks the package index for a newer version: a delay and a
# warning where there is no network. The variable is read once, during the import.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

_INTERPOLATION = {"image": cv2.INTER_LINEAR, "labels": cv2.INTER_NEAREST}
# Areas outside of a turned or shrunk image are filled by reflection, not with a constant colour.
_BORDER = cv2.BORDER_REFLECT_101


def geometric_transforms(
    augment: AugmentConfig, image_size: Size, kind: Kind
) -> "list[A.DualTransform]":
    """Rotation and scaling (in one resampling), then crop, flips and quarter turns.

    `kind` of the images decides the interpolation; labels must not be mixed.
    """
    import albumentations as A

    transforms: list[A.DualTransform] = []
    if resamples(augment):
        transforms.append(
            A.Affine(
                rotate=(-augment.rotate_deg, augment.rotate_deg),
                scale=(1 - augment.scale, 1 + augment.scale),
                keep_ratio=True,
                interpolation=_INTERPOLATION[kind],
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
    return transforms


def resamples(augment: AugmentConfig) -> bool:
    """Whether the geometric transforms compute new values and do not only move pixels."""
    return bool(augment.rotate_deg or augment.scale)


def photometric_transforms(augment: AugmentConfig) -> "A.Compose":
    """Changes in the order in which a camera makes them: exposure, lens blur, sensor noise.

    A change of contrast keeps the low end of the value range fixed.
    """
    import albumentations as A

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
