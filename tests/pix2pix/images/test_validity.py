"""Averages over the valid pixels alone."""

from typing import Any

import numpy as np
import pytest

from pix2pix.config import Scale
from pix2pix.data.manifest import SideRecord
from pix2pix.images.scale import from_scale, to_scale, to_size
from pix2pix.images.validity import Masked, divided, joined

KERNELS = ["area", "bilinear", "bicubic"]
SIZES = [(20, 31), (90, 13), (64, 100)]


def side(kernel: str, dtype: str = "float32", **changes: Any) -> SideRecord:
    return SideRecord("image", 2, dtype, (0.0, 200.0), kernel, **changes)


def scattered(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).random(shape) < 0.6


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_values_without_meaning_do_not_leak_into_their_neighbours(
    kernel: str, dtype: str, size: tuple[int, int]
) -> None:
    """Where all valid pixels have one value, so have all valid pixels of any resized image."""
    valid = scattered((50, 40))
    image = np.where(valid[..., None], [120, 7], [255, 0]).astype(dtype)
    resized = to_size(Masked(image, valid), side(kernel, dtype), *size)
    assert resized.pixels.shape == (*size, 2)
    assert resized.pixels.dtype == dtype
    assert resized.valid is not None
    assert 0.1 < resized.valid.mean() < 1
    kept = resized.pixels[resized.valid].astype(float)
    tolerance = 1e-4 if dtype == "float32" else 1
    np.testing.assert_allclose(kept, np.broadcast_to([120, 7], kept.shape), atol=tolerance)


def test_a_shrunk_pixel_is_the_mean_of_its_valid_pixels_if_they_are_half_of_it() -> None:
    image = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    valid = np.ones((4, 4), bool)
    valid[0, 0] = valid[0, 2] = valid[0, 3] = valid[2, 0] = valid[2, 1] = valid[3, 0] = False
    resized = to_size(Masked(image, valid), side("area"), 2, 2)
    np.testing.assert_array_equal(resized.valid, [[True, True], [False, True]])
    means = [(1 + 4 + 5) / 3, (6 + 7) / 2, (10 + 11 + 14 + 15) / 4]
    assert resized.valid is not None
    np.testing.assert_allclose(resized.pixels[resized.valid][:, 0], means, rtol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_labels_move_with_their_pixels(size: tuple[int, int]) -> None:
    labels = SideRecord("labels", 1, "uint8", (0.0, 9.0), "nearest", num_labels=10)
    ids = np.random.default_rng(1).integers(0, 10, (50, 40, 1), dtype=np.uint8)
    resized = to_size(Masked(ids, ids[..., 0] != 3), labels, *size)
    np.testing.assert_array_equal(resized.valid, resized.pixels[..., 0] != 3)


@pytest.mark.parametrize("kernel", [*KERNELS, "nearest"])
def test_images_without_a_mask_are_resized_as_ever(kernel: str) -> None:
    image = np.random.default_rng(2).uniform(0, 200, (50, 40, 2)).astype(np.float32)
    for change in (to_scale, lambda *args: from_scale(*args[:2], 32, 32)):
        plain = change(Masked(image), side(kernel), Scale("stretch", 32))
        masked = change(Masked(image, np.ones((50, 40), bool)), side(kernel), Scale("stretch", 32))
        assert plain.valid is None
        assert masked.valid is None
        np.testing.assert_allclose(masked.pixels, plain.pixels, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_validity_is_joined_and_divided_without_loss(dtype: str) -> None:
    image = np.random.default_rng(3).uniform(0, 200, (5, 4, 2)).astype(dtype)
    valid = scattered((5, 4))
    back = divided(joined(Masked(image, valid)))
    np.testing.assert_array_equal(back.pixels, image)
    np.testing.assert_array_equal(back.valid, valid)
    assert divided(joined(Masked(image))).valid is None
