import numpy as np
import pytest

from pix2pix.config import Scale
from pix2pix.data.manifest import SideRecord
from pix2pix.images.resize import resize
from pix2pix.images.scale import from_scale, to_scale
from pix2pix.images.validity import Masked

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
    np.testing.assert_array_equal(to_scale(Masked(image), side(kernel), SQUARE).pixels, expected)


def test_class_ids_are_mixed_on_neither_way() -> None:
    ids = picture(50, 131, top=5)[..., :1] * np.uint8(50)
    there = to_scale(Masked(ids), LABELS, SQUARE).pixels
    back = from_scale(Masked(there), LABELS, 50, 131).pixels
    assert back.shape == ids.shape
    assert set(np.unique(there)) | set(np.unique(back)) <= set(np.unique(ids))


def test_an_image_of_that_size_already_is_left_alone() -> None:
    image = picture(32, 32)
    assert to_scale(Masked(image), side("area"), SQUARE).pixels is image
    assert from_scale(Masked(image), side("area"), 32, 32).pixels is image


def test_what_is_enlarged_is_interpolated_not_made_of_blocks() -> None:
    ramp = np.linspace(0, 255, 8).astype(np.uint8)[None, :, None].repeat(8, axis=0)
    enlarged = from_scale(Masked(ramp), side("area"), 32, 32).pixels[0, :, 0].astype(int)
    assert np.diff(enlarged).max() < 12  # blocks would jump by 36


def disc(height: int, width: int) -> np.ndarray:
    """A white disc of a quarter of the shorter side as its radius."""
    rows, columns = np.ogrid[:height, :width]
    distance = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    inside = distance <= min(height, width) / 4
    return (inside[..., None] * np.uint8(255)).repeat(3, axis=2)


def extent(image: np.ndarray) -> tuple[int, int]:
    """Height and width of the white part."""
    rows, columns = np.nonzero(image[..., 0] > 127)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize("kernel", ["area", "bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [(600, 400), (400, 600), (64, 1800), (333, 217)])
def test_discs_stay_discs_unless_they_are_stretched(size: tuple[int, int], kernel: str) -> None:
    image = disc(*size)
    fitted = to_scale(Masked(image), side(kernel), Scale("fit", 128)).pixels
    assert min(fitted.shape[:2]) == 128
    height, width = extent(fitted)
    assert abs(height - width) <= 1
    assert abs(height - 64) <= 1
    assert to_scale(Masked(image), side(kernel), Scale("none", None)).pixels is image
    height, width = extent(to_scale(Masked(image), side(kernel), Scale("stretch", 128)).pixels)
    assert abs(height / width - size[1] / size[0]) < 0.2 * size[1] / size[0]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((600, 400), (150, 100)),
        ((64, 1800), (100, 2813)),
        ((3, 2), (150, 100)),
        ((7, 7), (100, 100)),
    ],
)
def test_the_shorter_side_gets_the_size_and_the_longer_is_rounded(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert Scale("fit", 100).size_of(*size) == expected
    assert Scale("fit", 100).size_of(*size[::-1]) == expected[::-1]
