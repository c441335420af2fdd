"""The pictures that `benchmarks.tasks` trains on, as folders that a user would have.

Aerial photographs and maps are those of the published data set `maps`. Photos come with two
packages of Python: china.jpg and flower.jpg with scikit-learn (CC BY), and astronaut.png (public
domain), rocket.jpg (public domain), coffee.png and chelsea.png (CC0) with scikit-image. They are
brought to 256 px first, because the networks are small. Objects are the pictures of Noto Emoji
(Apache License 2.0), 64 px, in the package emoji-datasource-google of npm.
"""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from pix2pix.config import SyntheticConfig
from pix2pix.images.grids import write_png
from pix2pix.images.image import read_image
from pix2pix.images.resize import resize
from pix2pix.sources.synthetic import write_synthetic

_SIDE_PX = 256
_STEP_PX = 96  # between the crops of a photo
_TRAIN_PHOTOS = ("astronaut.png", "rocket.jpg", "coffee.png", "flower.jpg")
_TEST_PHOTOS = ("chelsea.png", "china.jpg")
# The photos of which parts are trained on and others tested, their height, and their crops.
_PART_PHOTOS = ("coffee.png", "chelsea.png", "astronaut.png", "flower.jpg", "china.jpg")
_PARTS = {"train": (0.0, 0.4), "test": (0.4, 0.75), "dev": (0.75, 1.0)}
_PART_PX = 512
_CROP_PX, _CROP_STEP_PX = 128, 40
_LEAST_CONTRAST = 30  # of 255, between the darkest and the lightest pixel of a map
_SPLITS = {"train": "train", "val": "test"}  # of the published set, and here
_OBJECTS = ("Objects", "Food & Drink", "Animals & Nature", "Activities")
_OBJECT_SPLITS = ("test", "train", "train", "dev", "train", "train")  # in turn
_MARGIN_PX = 4  # of white around an object, before it is enlarged
_OBJECT_PX = 128


def write_maps(folder: Path, *, maps_dir: Path) -> None:
    """Two quarters of each aerial photograph and its map, side by side, in train and test.

    Of whole ones, streets would be narrower than a pixel. Quarters of one flat colour are left out.
    """
    for published, split in _SPLITS.items():
        for path in sorted((maps_dir / published).iterdir()):
            aerial, drawn = np.split(read_image(path), 2, axis=1)
            height, width = (length // 2 for length in aerial.shape[:2])
            for number, (y, x) in enumerate(((0, 0), (height, width))):
                halves = [side[y : y + height, x : x + width] for side in (aerial, drawn)]
                if np.ptp(halves[1], axis=(0, 1)).max() >= _LEAST_CONTRAST:
                    pair = np.concatenate(halves, axis=1)
                    write_png(folder / split / f"{path.stem}-{number}.png", pair)


def write_aerials(folder: Path, *, maps_dir: Path) -> None:
    """Aerial photographs in train and test."""
    for published, split in _SPLITS.items():
        for path in sorted((maps_dir / published).iterdir()):
            aerial, _ = np.split(read_image(path), 2, axis=1)
            small = resize(aerial, _SIDE_PX, _SIDE_PX, kernel="area")
            write_png(folder / split / f"{path.stem}.png", small)


def write_aerials_and_photos(folder: Path, *, maps_dir: Path, photos_dir: Path) -> None:
    """Aerial photographs, and crops of photos: no test crop is of a photo of train."""
    write_aerials(folder, maps_dir=maps_dir)
    for split, names in (("train", _TRAIN_PHOTOS), ("test", _TEST_PHOTOS)):
        for name in names:
            photo = _photo(name, photos_dir)
            for number, crop in enumerate(_crops(photo, side=_SIDE_PX, step=_STEP_PX)):
                write_png(folder / split / f"{Path(name).stem}-{number:02d}.png", crop)


def write_photo_parts(folder: Path, *, photos_dir: Path) -> None:
    """Crops of the left part of each photo in train, of its middle in test, of the rest in dev.

    So colours of things in the photos can be learned, and no pixel is in two splits.
    """
    for name in _PART_PHOTOS:
        photo = _photo(name, photos_dir)
        width = round(_PART_PX * photo.shape[1] / photo.shape[0])
        photo = resize(photo, _PART_PX, width, kernel="bicubic")
        for split, (first, last) in _PARTS.items():
            part = photo[:, round(first * width) : round(last * width)]
            for number, crop in enumerate(_crops(part, side=_CROP_PX, step=_CROP_STEP_PX)):
                write_png(folder / split / f"{Path(name).stem}-{number:02d}.png", crop)


def write_objects(folder: Path, *, emoji_dir: Path) -> None:
    """Objects, food, animals and the like on white, alternately in train, dev and test."""
    entries = json.loads((emoji_dir / "emoji.json").read_text(encoding="utf-8"))
    kept = [each for each in entries if each["category"] in _OBJECTS and each["has_img_google"]]
    for number, entry in enumerate(sorted(kept, key=lambda each: int(each["sort_order"]))):
        drawn = Image.open(emoji_dir / "img" / "google" / "64" / entry["image"]).convert("RGBA")
        white = Image.new("RGBA", [length + 2 * _MARGIN_PX for length in drawn.size], "white")
        white.alpha_composite(drawn, (_MARGIN_PX, _MARGIN_PX))
        split = _OBJECT_SPLITS[number % len(_OBJECT_SPLITS)]
        name = f"{number:03d}-{entry['short_name']}.png"
        picture = np.asarray(white.convert("RGB"))
        write_png(folder / split / name, resize(picture, _OBJECT_PX, _OBJECT_PX, kernel="bicubic"))


def write_facades(folder: Path, *, config: SyntheticConfig) -> None:
    """Drawn facades, label map and picture side by side."""
    if folder.exists():
        shutil.rmtree(folder)
    write_synthetic(folder, config)


def _photo(name: str, photos_dir: Path) -> np.ndarray:
    if name in ("china.jpg", "flower.jpg"):
        return np.asarray(load_sample_image(name))
    return read_image(photos_dir / name)[..., :3]


def _crops(photo: np.ndarray, *, side: int, step: int) -> list[np.ndarray]:
    """Overlapping squares of a photo."""
    rows, columns = (range(0, length - side + 1, step) for length in photo.shape[:2])
    return [photo[y : y + side, x : x + side] for y in rows for x in columns]
