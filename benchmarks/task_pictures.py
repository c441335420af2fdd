"""The pictures that `benchmarks.tasks` trains on, as folders that a user would have.

Aerial photographs and maps are those of the published data set `maps`. Photos come with two
packages of Python: china.jpg and flower.jpg with scikit-learn (CC BY), and astronaut.png (public
domain), rocket.jpg (public domain), coffee.png and chelsea.png (CC0) with scikit-image. All are
brought to 256 px first, because the networks are small.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_sample_image

from pix2pix.config import SyntheticConfig
from pix2pix.images.grids import write_png
from pix2pix.images.image import read_image, resize
from pix2pix.sources.synthetic import write_synthetic

_SIDE_PX = 256
_STEP_PX = 96  # between the crops of a photo
_TRAIN_PHOTOS = ("astronaut.png", "rocket.jpg", "coffee.png", "flower.jpg")
_TEST_PHOTOS = ("chelsea.png", "china.jpg")
_SPLITS = {"train": "train", "val": "test"}  # of the published set, and here


def write_maps(folder: Path, *, maps_dir: Path) -> None:
    """Pairs of an aerial photograph and its map, side by side, in train and test."""
    _write_published(folder, maps_dir, lambda pair: pair)


def write_aerials(folder: Path, *, maps_dir: Path) -> None:
    """Aerial photographs in train and test."""
    _write_published(folder, maps_dir, lambda pair: pair[:, : pair.shape[1] // 2])


def write_aerials_and_photos(folder: Path, *, maps_dir: Path, photos_dir: Path) -> None:
    """Aerial photographs, and crops of photos: no test crop is of a photo of train."""
    write_aerials(folder, maps_dir=maps_dir)
    for split, names in (("train", _TRAIN_PHOTOS), ("test", _TEST_PHOTOS)):
        for name in names:
            for number, crop in enumerate(_crops(_photo(name, photos_dir))):
                write_png(folder / split / f"{Path(name).stem}-{number:02d}.png", crop)


def write_facades(folder: Path, *, config: SyntheticConfig) -> None:
    """Drawn facades, label map and picture side by side."""
    if folder.exists():
        shutil.rmtree(folder)
    write_synthetic(folder, config)


def _write_published(
    folder: Path, maps_dir: Path, part_of: Callable[[np.ndarray], np.ndarray]
) -> None:
    for published, split in _SPLITS.items():
        for path in sorted((maps_dir / published).iterdir()):
            image = part_of(read_image(path))
            width = round(_SIDE_PX * image.shape[1] / image.shape[0])
            small = resize(image, _SIDE_PX, width, kernel="area")
            write_png(folder / split / f"{path.stem}.png", small)


def _photo(name: str, photos_dir: Path) -> np.ndarray:
    if name in ("china.jpg", "flower.jpg"):
        return np.asarray(load_sample_image(name))
    return read_image(photos_dir / name)[..., :3]


def _crops(photo: np.ndarray) -> list[np.ndarray]:
    """Overlapping squares of a photo."""
    rows, columns = (range(0, side - _SIDE_PX + 1, _STEP_PX) for side in photo.shape[:2])
    return [photo[y : y + _SIDE_PX, x : x + _SIDE_PX] for y in rows for x in columns]
