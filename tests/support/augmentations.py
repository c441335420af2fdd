"""Augmentations one by one, and images for them."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np

from pix2pix.config import load_params
from pix2pix.data.augment import Augmentation
from pix2pix.data.manifest import SideRecord

PARAMS = load_params(Path("params/default.yaml"))


OFF = dataclasses.replace(PARAMS.augment, horizontal_flip=0.0)


IMAGE = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")


UNIT = SideRecord("image", 3, "float32", (0.0, 1.0), "area")


LABELS = SideRecord("labels", 3, "uint8", (0.0, 255.0), "nearest")


GEOMETRIC = {
    "crop": {},
    "horizontal_flip": {"horizontal_flip": 0.5},
    "vertical_flip": {"vertical_flip": 0.5},
    "rotate_90": {"rotate_90": 1.0},
    "rotate_deg": {"rotate_deg": 40.0},
    "scale": {"scale": 0.4},
}


GEOMETRIC["all"] = {name: value for each in GEOMETRIC.values() for name, value in each.items()}


PHOTOMETRIC = {"brightness": 0.3, "contrast": 0.4, "noise": 0.1, "blur_px": 2.0}


def make(*, source=IMAGE, target=IMAGE, extra=(), load_size=80, image_size=64, **changes):
    data = dataclasses.replace(PARAMS.data, load_size=load_size, image_size=image_size)
    augment = dataclasses.replace(OFF, **changes)
    return Augmentation(augment, data, source=source, target=target, extra=extra)


def smooth(channels, *, size=80, seed=0):
    """(size, size, channels) float32 in [0, 1], without any symmetry."""
    noise = np.random.default_rng(seed).random((size, size, channels), dtype=np.float32)
    blurred = np.stack([cv2.GaussianBlur(plane, (0, 0), 4) for plane in np.moveaxis(noise, -1, 0)])
    stretched = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    return np.moveaxis(stretched, 0, -1)


def as_dtype(unit, dtype):
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    return (unit * scale).astype(dtype)
