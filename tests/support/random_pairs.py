"""Prepared pairs of noise, and batches of them."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from pix2pix.config import load_params
from pix2pix.data.augment import Augmentation
from pix2pix.data.loader import TrainBatches
from pix2pix.data.manifest import SideRecord
from pix2pix.data.prepared import PreparedSplit

PARAMS = load_params(Path("params/default.yaml"))


CPU = torch.device("cpu")


SOURCE = SideRecord("image", 1, "uint16", (0.0, 4095.0), "area")


TARGET = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")


def make_pairs(folder=None, *, num_pairs=14, size=36):
    """Random uint16 | uint8 pairs, memory-mapped from `folder` if it is given."""
    generator = np.random.default_rng(0)
    source = generator.integers(0, 4096, (num_pairs, size, size, 1), dtype=np.uint16)
    target = generator.integers(0, 256, (num_pairs, size, size, 3), dtype=np.uint8)
    if folder is not None:
        np.save(folder / "source.npy", source)
        np.save(folder / "target.npy", target)
        source = np.load(folder / "source.npy", mmap_mode="r")
        target = np.load(folder / "target.npy", mmap_mode="r")
    ids = tuple(f"pair-{number}" for number in range(num_pairs))
    return PreparedSplit(source=source, target=target, pair_ids=ids)


def make_augmented():
    data = dataclasses.replace(PARAMS.data, load_size=36, image_size=32)
    augment = dataclasses.replace(PARAMS.augment, rotate_deg=10.0, noise=0.05)
    return Augmentation(augment, data, source=SOURCE, target=TARGET)


def make_batches(pairs, **options):
    settings = {"seed": 3, "batch_size": 4, "device": CPU} | options
    return TrainBatches(pairs, make_augmented(), **settings)


def contents(batch):
    """pair_id -> the bytes of its source and target."""
    images = zip(batch.pair_ids, batch.source, batch.target, strict=True)
    return {name: (s.numpy().tobytes(), t.numpy().tobytes()) for name, s, t in images}
