"""Scenes of several sources: class ids, depth and photo in folders of their own, and an answer."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pix2pix.config import Params
from tests.support.drawn_shapes import make_params

NUM_CLASSES = 5
VOID = 255
LABELS = {"kind": "labels", "channels": 1, "num_labels": NUM_CLASSES, "void_label": VOID}
DEPTH = {
    "name": "depth",
    "folder": "depth",
    "side": {"kind": "image", "channels": 1, "value_range": [0.0, 10.0]},
}
PHOTO = {"name": "photo", "folder": "photo", "side": {"kind": "image", "channels": 3}}


def scene_params(extra: Sequence[Mapping[str, Any]] = (DEPTH, PHOTO), **data: Any) -> Params:
    """Tiny networks that draw `answer` from one-hot labels and the extra sources."""
    side = side_of_images() | LABELS | {"encoding": "one_hot"}
    return make_params(
        **{
            "folder_a": "labels",
            "folder_b": "answer",
            "side_a": side,
            "extra_sources": list(extra),
            "image_size": 32,
            "load_size": 36,
        }
        | data
    )


def side_of_images() -> dict[str, Any]:
    """All keys of a side of colour images."""
    return dataclasses.asdict(make_params().data.side_b)


def write_scenes(root: Path, *, num_scenes: int = 12, size: tuple[int, int] = (40, 44)) -> Path:
    """Noise of 4 px cells in labels/*.png, depth/*.npy, photo/*.png and answer/*.png."""
    for index in range(num_scenes):
        rng = np.random.default_rng(index)
        split = ("train", "train", "test", "train", "train", "dev")[index % 6]
        ids = rng.choice([*range(NUM_CLASSES), VOID], size=_cells(size)).astype(np.uint8)
        depth = rng.uniform(0, 10, _cells(size)).astype(np.float32)
        photo = rng.integers(0, 256, (*_cells(size), 3), dtype=np.uint8)
        for folder, image in (
            ("labels", ids),
            ("depth", depth),
            ("photo", photo),
            ("answer", 255 - photo),
        ):
            whole = image.repeat(4, axis=0).repeat(4, axis=1)[: size[0], : size[1]]
            path = root / split / folder / f"{index:02d}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if folder == "depth":
                np.save(path.with_suffix(".npy"), whole)
            else:
                Image.fromarray(whole).save(path.with_suffix(".png"))
    return root


def _cells(size: tuple[int, int]) -> tuple[int, int]:
    return -(-size[0] // 4), -(-size[1] // 4)
