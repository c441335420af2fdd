"""Transparency: what cannot be seen gives no colour to what can, and opacity is no brightness."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import AugmentConfig, Kernel, load_params
from pix2pix.data.augment import Augmentation
from pix2pix.data.manifest import SideRecord
from pix2pix.data.prepared import open_split
from pix2pix.images.grids import as_rgb8
from pix2pix.images.resize import resize
from pix2pix.preparation.prepare import prepare_pairs

PARAMS = Path(__file__).parents[3] / "params" / "default.yaml"
RED = (250, 40, 40)


def disc(size: int = 64, *, dtype: str = "uint8", grey: bool = False) -> np.ndarray:
    """An opaque disc; outside, black and transparent."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    inside = np.hypot(rows, columns) < size * 0.37
    top = np.iinfo(dtype).max if dtype != "float32" else 1
    colour = np.array([250] if grey else RED) * (top / 255)
    opaque = np.array([*colour, top])
    return np.where(inside[..., None], opaque, 0).astype(dtype)


@pytest.mark.parametrize("kernel", get_args(Kernel))
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("size", [19, 150])
def test_the_edge_of_a_disc_keeps_its_colour(
    kernel: Kernel, dtype: str, grey: bool, size: int
) -> None:
    image = disc(dtype=dtype, grey=grey)

    small = resize(image, size, size, kernel=kernel, alpha=True)

    assert small.dtype == image.dtype
    seen = small[small[..., -1] > 0]
    assert len(seen) > 100
    colour = image[32, 32, :-1]
    np.testing.assert_allclose(seen[:, :-1], np.broadcast_to(colour, seen[:, :-1].shape), rtol=1e-5)
    assert small[..., -1].max() == image[..., -1].max()
    partly = (small[..., -1] > 0) & (small[..., -1] < image[..., -1].max())
    assert partly.any()


def test_opacity_itself_is_resized_as_any_channel() -> None:
    image = disc()
    plain = resize(image, 20, 20, kernel="area")
    weighted = resize(image, 20, 20, kernel="area", alpha=True)

    np.testing.assert_array_equal(weighted[..., 3], plain[..., 3])
    assert (plain[..., 0] < weighted[..., 0]).any()


def side(dtype: str = "uint8", channels: int = 4) -> SideRecord:
    high = float(np.iinfo(dtype).max) if dtype != "float32" else 1.0
    return SideRecord("image", channels, dtype, (0.0, high), "area", alpha=True)


def augment_config(**changes: float) -> AugmentConfig:
    config = load_params(PARAMS).augment
    return replace(config, horizontal_flip=0.0, photometric_on="both", **changes)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("grey", [False, True])
def test_photometric_changes_leave_opacity_and_what_is_hidden_as_they_were(
    dtype: str, grey: bool
) -> None:
    image = disc(dtype=dtype, grey=grey)
    data = replace(load_params(PARAMS).data, image_size=64, load_size=64)
    config = augment_config(brightness=0.3, contrast=0.3, noise=0.2, blur_px=2.0)
    record = side(dtype, image.shape[-1])
    augmentation = Augmentation(config, data, source=record, target=record)

    source, target = augmentation(image, image, seed=5)

    for changed in (source, target):
        np.testing.assert_array_equal(changed[..., -1], image[..., -1], strict=True)
        hidden = image[..., -1] == 0
        np.testing.assert_array_equal(changed[hidden], image[hidden])
        assert (changed[~hidden] != image[~hidden]).any()


def test_blur_keeps_the_colour_at_the_edge() -> None:
    image = disc()
    data = replace(load_params(PARAMS).data, image_size=64, load_size=64)
    augmentation = Augmentation(augment_config(blur_px=5.0), data, source=side(), target=side())

    blurred, _ = augmentation(image, image, seed=3)

    seen = blurred[blurred[..., -1] > 0]
    assert np.abs(seen[:, :3].astype(int) - RED).max() <= 2


def test_turning_keeps_the_colour_at_the_edge() -> None:
    image = disc()
    data = replace(load_params(PARAMS).data, image_size=64, load_size=64)
    config = augment_config(rotate_deg=40.0, scale=0.2)
    augmentation = Augmentation(config, data, source=side(), target=side())

    for turned in augmentation(image, image, seed=3):
        assert turned.dtype == np.uint8
        seen = turned[turned[..., -1] > 0]
        assert (seen[:, :3] == RED).all()
        assert len(np.unique(turned[..., -1])) > 5


def test_prepared_files_keep_the_colour_at_the_edge_and_say_that_there_is_alpha(
    tmp_path: Path,
) -> None:
    for index in range(5):
        for name in ("A", "B"):
            image = disc(80)
            image[30 + index, 30:40, 2 if name == "A" else 1] = 90
            path = tmp_path / "pairs" / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    config = load_params(PARAMS).data
    four = replace(config.side_b, channels=4)
    config = replace(
        config, source="folder", path="p", layout="two_folders", side_a=four, side_b=four,
        image_size=32, load_size=32, near_duplicate_bits=-1,
    )  # fmt: skip

    prepared = prepare_pairs(tmp_path / "pairs", tmp_path / "out", config, num_workers=1)

    assert (prepared.manifest.source.alpha, prepared.manifest.target.alpha) == (True, True)
    stored = np.asarray(open_split(tmp_path / "out", "train").target)
    seen = stored[stored[..., 3] > 0]
    assert seen[:, 0].min() >= 249


def test_a_grid_shows_what_is_transparent_as_a_checkerboard() -> None:
    image = disc()
    shown = as_rgb8(image, (0, 255), alpha=True)

    np.testing.assert_array_equal(shown[32, 32], RED)
    assert shown[0, 0].tolist() == [204] * 3
    assert shown[0, 8].tolist() == [153] * 3
    grey = disc(grey=True, dtype="uint16")
    assert as_rgb8(grey, (0, 65535), alpha=True)[32, 32].tolist() == [250] * 3
    assert as_rgb8(grey, (0, 65535), alpha=True)[0, 0].tolist() == [204] * 3
