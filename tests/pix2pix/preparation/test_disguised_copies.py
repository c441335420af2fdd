"""Copies that another format, brightness or size hides; and sets that hold none."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import DataConfig
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.report import as_dict
from pix2pix.sources.synthetic import draw_pair
from tests.support.drawn_pairs import brighter, draw, make_config, save_pair, write_sound

MAPS = Path(__file__).parents[4] / "shared" / "datasets" / "maps"

Change = Callable[[np.ndarray], np.ndarray]


def encoded(image: np.ndarray) -> np.ndarray:
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="JPEG", quality=70)
    return np.asarray(Image.open(data))


def smaller(image: np.ndarray) -> np.ndarray:
    size = round(image.shape[0] * 0.9)
    return np.asarray(Image.fromarray(image).resize((size, size)))


def photos_only(**changes: object) -> DataConfig:
    side = replace(make_config().side_b, value_range=None)
    return make_config(**({"side_a": side, "side_b": side} | changes))


@pytest.mark.parametrize("change", [encoded, brighter, smaller])
def test_a_disguised_copy_in_another_split_is_found_among_facades(
    tmp_path: Path, change: Change
) -> None:
    """Facades are alike, their label maps most of all; none is taken for another."""
    for index in range(24):
        split = "test" if index < 8 else "train"
        save_pair(tmp_path, f"{split}/{index}", *draw_pair(64, np.random.default_rng(index)))
    disguised = (change(image) for image in draw_pair(64, np.random.default_rng(3)))
    save_pair(tmp_path, "train/copy", *disguised)

    report = check_pairs(tmp_path, photos_only())

    assert [(item.kind, item.pair_ids) for item in report.offences] == [
        ("near_duplicate_across_splits", ("train/copy",))
    ]
    assert report.offences[0].paths == ("A/train/copy.png", "A/test/3.png")
    assert check_pairs(tmp_path, photos_only(near_duplicate_bits=-1)).offences == ()


def test_one_label_map_with_two_different_photos_is_no_duplicate(tmp_path: Path) -> None:
    write_sound(tmp_path)
    save_pair(tmp_path, "train/other", draw(200)[0], draw(500)[1])

    assert check_pairs(tmp_path, make_config()).offences == ()


@pytest.mark.skipif(not MAPS.is_dir(), reason="the published maps set is not at hand")
def test_the_published_maps_are_sound(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        for path in sorted((MAPS / split).glob("*.jpg"))[::12]:
            (tmp_path / split / path.name).symlink_to(path)

    report = check_pairs(
        tmp_path, photos_only(layout="side_by_side", image_size=256, load_size=286)
    )

    assert report.offences == ()
    assert as_dict(report)["num_by_split"] == {"train": 24, "dev": 1, "test": 9}
