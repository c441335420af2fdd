import numpy as np
import pytest

from pix2pix.config import Scale
from pix2pix.data.manifest import SideRecord
from pix2pix.images.image import resize
from pix2pix.images.scale import from_scale, to_scale

SQUARE = Scale("stretch", 32)
LABELS = SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=5)


def side(kernel: str) -> SideRecord:
    return SideRecord("image", 3, "uint8", (0.0, 255.0), kernel)


def picture(height: int, width: int, *, top: int = 256) -> np.ndarray:
    return np.random.default_rng(0).integers(0, top, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("kernel", ["area", "bilinear", "bicubic", "nearest"])
def test_any_shape_is_stretched_with_the_kernel_of_its_side(kernel: str) -> None:
    image = picture(50, 131)
    expected = resize(image, 32, 32, kernel=kernel)
    np.testing.assert_array_equal(to_scale(image, side(kernel), SQUARE), expected)


def test_class_ids_are_mixed_on_neither_way() -> None:
    ids = picture(50, 131, top=5)[..., :1] * np.uint8(50)
    there = to_scale(ids, LABELS, SQUARE)
    back = from_scale(there, LABELS, 50, 131)
    assert back.shape == ids.shape
    assert set(np.unique(there)) | set(np.unique(back)) <= set(np.unique(ids))


def test_an_image_of_that_size_already_is_left_alone() -> None:
    image = picture(32, 32)
    assert to_scale(image, side("area"), SQUARE) is image
    assert from_scale(image, side("area"), 32, 32) is image


def test_what_is_enlarged_is_interpolated_not_made_of_blocks() -> None:
    ramp = np.linspace(0, 255, 8).astype(np.uint8)[None, :, None].repeat(8, axis=0)
    enlarged = from_scale(ramp, side("area"), 32, 32)[0, :, 0].astype(int)
    assert np.diff(enlarged).max() < 12  # blocks would jump by 36
