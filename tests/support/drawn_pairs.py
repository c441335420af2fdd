"""Sets of label ids and photos, drawn as noise, in two folders."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig, load_params
from pix2pix.preparation.checks import check_pairs
from tests.support.pair_files import PARAMS, two_folders
from tests.support.small_sets import save

SIZE = 40


def make_config(**changes: object) -> DataConfig:
    """Label ids 0..3 in folder A, photos with values up to 250 in folder B."""
    config = load_params(PARAMS).data
    side_a = replace(config.side_a, kind="labels", channels=1, num_labels=4)
    side_b = replace(config.side_b, value_range=(0.0, 250.0))
    sizes = {"image_size": 32, "load_size": 36, "near_duplicate_bits": 12}
    return two_folders(**({"side_a": side_a, "side_b": side_b, **sizes} | changes))


def draw(seed: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Label ids and a photo, as noise in blocks of 4 px."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 4, (size // 4, size // 4, 1), dtype=np.uint8)
    photo = rng.integers(0, 240, (size // 4, size // 4, 3), dtype=np.uint8)
    return tuple(image.repeat(4, axis=0).repeat(4, axis=1) for image in (ids, photo))


def save_pair(root: Path, pair_id: str, ids: np.ndarray, photo: np.ndarray) -> None:
    save(root / "A" / f"{pair_id}.png", ids)
    save(root / "B" / f"{pair_id}.png", photo)


def write_sound(root: Path, num_train: int = 6) -> None:
    for index in range(num_train):
        save_pair(root, f"train/{index}", *draw(index))
    for index in range(2):
        save_pair(root, f"dev/{index}", *draw(100 + index))
        save_pair(root, f"test/{index}", *draw(200 + index))


def write_clips(root: Path, num_clips: int, *, folder: str = "") -> None:
    """Two frames each, without split folders unless `folder` is one."""
    for clip in range(num_clips):
        for frame in range(2):
            save_pair(root, f"{folder}clip{clip}_{frame}", *draw(10 * clip + frame))


def split_of(root: Path, **changes: object) -> dict[str, str]:
    report = check_pairs(root, make_config(**changes), num_workers=1)
    return {pair.files.pair_id: pair.split for pair in report.pairs}


def brighter(image: np.ndarray) -> np.ndarray:
    return (image.clip(0, 250) + 5).astype(np.uint8)
