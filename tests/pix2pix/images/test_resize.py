"""Resizing against its formulas and torch."""

import numpy as np
import pytest
import torch

from pix2pix.images.resize import area_averages, resize
from tests.support.pictures import noise


def box_weights(old: int, new: int) -> np.ndarray:
    """(new, old): the share of each old pixel in each new one."""
    edges = np.arange(new + 1) * old / new
    low = np.maximum(edges[:-1, None], np.arange(old))
    high = np.minimum(edges[1:, None], np.arange(old) + 1)
    return np.clip(high - low, 0, None) * new / old


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("size", [(60, 60), (20, 25), (20, 60), (60, 20), (32, 33)])
def test_area_is_the_mean_of_what_a_pixel_covers(
    dtype: str, channels: int, size: tuple[int, int]
) -> None:
    """Also where one axis grows and the other shrinks, which OpenCV alone gets wrong."""
    image = noise(*size, channels, dtype=dtype)

    resized = resize(image, 32, 32, kernel="area")

    rows, columns = box_weights(size[0], 32), box_weights(size[1], 32)
    exact = np.einsum("ij,jkc,lk->ilc", rows, image.astype(np.float64), columns)
    tolerance = 1e-5 if dtype == "float32" else 0.51
    assert resized.dtype == dtype
    np.testing.assert_allclose(resized, exact, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(60, 60), (20, 60), (16, 16)])
def test_area_averages_are_those_of_the_image_as_floats(dtype: str, size: tuple[int, int]) -> None:
    image = noise(*size, 3, dtype=dtype)

    np.testing.assert_array_equal(
        area_averages(image, 16, 16),
        resize(image.astype(np.float32), 16, 16, kernel="area"),
        strict=True,
    )


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [20, 60])
def test_bilinear_and_bicubic_are_those_of_torch_with_antialiasing(kernel: str, size: int) -> None:
    image = noise(size, size, 3)

    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    wanted = torch.nn.functional.interpolate(tensor, (32, 32), mode=kernel, antialias=True)
    wanted = wanted[0].permute(1, 2, 0).clamp(0, 255).numpy()
    np.testing.assert_allclose(resize(image, 32, 32, kernel=kernel), wanted, rtol=0, atol=0.51)


@pytest.mark.parametrize("kernel", ["nearest", "area", "bilinear", "bicubic"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_resizing_keeps_dtype_channels_and_a_flat_image(kernel: str, dtype: str) -> None:
    image = np.full((20, 45, 5), 7, dtype=dtype)

    np.testing.assert_array_equal(
        resize(image, 32, 16, kernel=kernel), np.full((32, 16, 5), 7, dtype=dtype), strict=True
    )


def test_nearest_takes_the_pixel_under_the_centre() -> None:
    image = noise(6, 9, 2, dtype="uint16")

    np.testing.assert_array_equal(resize(image, 2, 3, kernel="nearest"), image[1::3, 1::3])
    doubled = image.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(resize(image, 12, 18, kernel="nearest"), doubled)


def test_bicubic_leaves_floats_within_their_range() -> None:
    step = np.zeros((8, 8, 1), dtype=np.float32)
    step[:, 4:] = 1

    resized = resize(step, 19, 19, kernel="bicubic")

    assert (resized.min(), resized.max()) == (0, 1)
