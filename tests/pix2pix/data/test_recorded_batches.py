"""Training batches have the bits that they had when each pair went through albumentations' Compose.

The recorded digests are those of commit f6e1172: the bytes of two epochs of batches, for every
setting of `augment` and every kind of data. A training that is resumed after an update of this code
must see the same batches as before. One was recorded anew: since each extra source has noise of its
own, "extra sources, all" has other bits.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.config import load_params
from pix2pix.data.augment import Augmentation
from pix2pix.data.flat_images import FlatImages, FlatLayout
from pix2pix.data.loader import TrainBatches
from pix2pix.data.manifest import SideRecord
from pix2pix.data.masks import NO_SOURCE, NO_TARGET, VALID, masked_pair
from pix2pix.data.prepared import PreparedSplit
from pix2pix.images.validity import Masked

RECORDED = Path("tests/data/batch_digests.json")
PARAMS = load_params(Path("params/default.yaml"))
OFF = dataclasses.replace(PARAMS.augment, horizontal_flip=0.0)
CPU = torch.device("cpu")
NUM_PAIRS = 7

IMAGE = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")
SIDES = {
    "image": IMAGE,
    "gray16": SideRecord("image", 1, "uint16", (0.0, 4095.0), "area"),
    "float": SideRecord("image", 2, "float32", (0.0, 1.0), "area"),
    "bands": SideRecord("image", 5, "uint8", (10.0, 200.0), "area"),
    "rgba": SideRecord("image", 4, "uint8", (0.0, 255.0), "area", alpha=True),
    "labels": SideRecord("labels", 1, "uint8", (0.0, 9.0), "nearest", num_labels=10),
    "one_hot": SideRecord(
        "labels", 1, "uint16", (0.0, 9.0), "nearest", num_labels=10, encoding="one_hot"
    ),
}
GEOMETRIC: dict[str, dict[str, Any]] = {
    "crop": {},
    "horizontal_flip": {"horizontal_flip": 0.5},
    "always_flip": {"horizontal_flip": 1.0},
    "flips": {"horizontal_flip": 0.5, "vertical_flip": 0.3},
    "rotate_90": {"rotate_90": 0.7},
    "turns": {"horizontal_flip": 0.5, "vertical_flip": 0.5, "rotate_90": 0.9},
    "rotate_deg": {"rotate_deg": 30.0},
    "scale": {"scale": 0.3, "horizontal_flip": 0.5},
}
GEOMETRIC["all"] = {name: value for each in GEOMETRIC.values() for name, value in each.items()}
PHOTOMETRIC: dict[str, dict[str, Any]] = {
    "brightness": {"brightness": 0.3},
    "contrast": {"contrast": 0.4},
    "noise": {"noise": 0.1},
    "blur": {"blur_px": 2.0},
    "both": {"brightness": 0.3, "contrast": 0.2, "noise": 0.1, "photometric_on": "both"},
}
PHOTOMETRIC["all"] = {**GEOMETRIC["all"], "blur_px": 1.0, **PHOTOMETRIC["both"]}


def image_of(side: SideRecord, height: int, width: int, *, seed: int) -> np.ndarray:
    """(H, W, C) random values of the side; blocks of 3 px, so that resampling is no average."""
    rng = np.random.default_rng((seed, side.channels))
    low, high = side.value_range
    cells = rng.random((-(-height // 3), -(-width // 3), side.channels))
    values = low + cells.repeat(3, axis=0).repeat(3, axis=1)[:height, :width] * (high - low)
    return values.astype(side.dtype)


def shapes_of(*, are_unlike: bool) -> list[tuple[int, int]]:
    """Heights and widths; some unlike ones are smaller than the crop of 24x20 px."""
    if not are_unlike:
        return [(30, 28)] * NUM_PAIRS
    return [(30, 28), (24, 20), (17, 40), (50, 15), (12, 9), (33, 33), (26, 70)]


def split_of(
    sides: list[SideRecord], shapes: list[tuple[int, int]], *, is_masked: bool = False
) -> PreparedSplit:
    """Random pairs with an image for each side: source, target, extra sources."""
    images = [
        [image_of(side, *shape, seed=10 * row + role) for role, side in enumerate(sides)]
        for row, shape in enumerate(shapes)
    ]
    masks = None
    if is_masked:
        masks = []
        for row, shape in enumerate(shapes):
            invalid = image_of(SIDES["labels"], *shape, seed=1000 + row)[..., 0]
            mask = np.select([invalid < 2, invalid < 4], [NO_SOURCE, NO_TARGET], VALID)
            pair = masked_pair(
                Masked(images[row][0], mask != NO_SOURCE),
                Masked(images[row][1], mask == VALID),
                records=(sides[0], sides[1]),
            )
            images[row][:2] = pair.source, pair.target
            masks.append(pair.mask)
    by_side = [stored([row[role] for row in images]) for role in range(len(sides))]
    ids = tuple(f"train/pair-{row}" for row in range(len(shapes)))
    mask_images = None if masks is None else stored(masks)
    return PreparedSplit(by_side[0], by_side[1], ids, mask_images, tuple(by_side[2:]))


def stored(images: list[np.ndarray]) -> np.ndarray | FlatImages:
    """The images as they lie in prepared arrays: stacked, or flat where the sizes are unlike."""
    if len({image.shape for image in images}) == 1:
        return np.stack(images)
    shapes = np.array([image.shape[:2] for image in images])
    layout = FlatLayout(shapes, images[0].shape[2], images[0].dtype.name)
    return FlatImages(np.concatenate([image.ravel() for image in images]), layout)


def digest(
    names: list[str],
    changes: dict[str, Any],
    *,
    are_unlike: bool = False,
    is_masked: bool = False,
    **options: Any,
) -> str:
    """The hash of the batches of epochs 0 and 3 with these sides and settings of `augment`."""
    sides = [SIDES[name] for name in names]
    split = split_of(sides, shapes_of(are_unlike=are_unlike), is_masked=is_masked)
    data = dataclasses.replace(PARAMS.data, load_size=(30, 28), image_size=(24, 20))
    if changes.get("rotate_90"):
        data = dataclasses.replace(data, image_size=20)
    augmentation = Augmentation(
        dataclasses.replace(OFF, **changes),
        data,
        source=sides[0],
        target=sides[1],
        extra=sides[2:],
    )
    settings: dict[str, Any] = {"seed": 11, "batch_size": 3, "device": CPU} | options
    hashed = hashlib.sha256()
    with TrainBatches(split, augmentation, **settings) as batches:
        for epoch in (0, 3):
            for batch in batches(epoch):
                hashed.update(repr((batch.source.shape, batch.target.shape)).encode())
                hashed.update(batch.source.contiguous().numpy().tobytes())
                hashed.update(batch.target.contiguous().numpy().tobytes())
                hashed.update("\n".join(batch.pair_ids).encode())
                if batch.valid is not None:
                    hashed.update(batch.valid.contiguous().numpy().tobytes())
    return hashed.hexdigest()[:32]


CASES: dict[str, dict[str, Any]] = {
    **{
        f"{source} to {target}, {name}": {"names": [source, target], "changes": changes}
        for source, target in [("image", "image"), ("labels", "image"), ("gray16", "one_hot")]
        for name, changes in GEOMETRIC.items()
    },
    **{
        f"{source} to {target}, photometric {name}": {
            "names": [source, target],
            "changes": changes,
        }
        for source, target in [("image", "image"), ("gray16", "labels"), ("rgba", "bands")]
        for name, changes in PHOTOMETRIC.items()
    },
    **{
        f"{source} to {target}, {name}": {"names": [source, target], "changes": GEOMETRIC[name]}
        for source, target in [("float", "rgba"), ("one_hot", "bands")]
        for name in ("flips", "turns", "all")
    },
    **{
        f"unlike shapes, {name}": {
            "names": ["image", "labels"],
            "changes": GEOMETRIC[name],
            "are_unlike": True,
        }
        for name in ("crop", "turns", "all")
    },
    **{
        f"masks, {name}": {"names": names, "changes": changes, "is_masked": True}
        for name, names, changes in [
            ("flips", ["image", "image"], GEOMETRIC["flips"]),
            ("turned", ["bands", "image"], GEOMETRIC["all"]),
            ("photometric", ["image", "labels"], PHOTOMETRIC["all"]),
        ]
    },
    "masks of unlike shapes": {
        "names": ["bands", "labels"],
        "changes": GEOMETRIC["turns"],
        "is_masked": True,
        "are_unlike": True,
    },
    "extra sources, turns": {
        "names": ["image", "image", "labels", "gray16"],
        "changes": GEOMETRIC["turns"],
    },
    "extra sources, all": {
        "names": ["labels", "image", "rgba", "one_hot"],
        "changes": PHOTOMETRIC["all"],
    },
    "crops per pair": {
        "names": ["image", "gray16"],
        "changes": GEOMETRIC["flips"],
        "crops_per_pair": 4,
        "are_unlike": True,
    },
    "rank 1 of 2": {
        "names": ["image", "image"],
        "changes": GEOMETRIC["flips"],
        "rank": 1,
        "world_size": 2,
    },
}


@pytest.mark.parametrize("name", CASES)
def test_batches_have_the_recorded_bits(name: str) -> None:
    assert digest(**CASES[name]) == json.loads(RECORDED.read_text())[name]
