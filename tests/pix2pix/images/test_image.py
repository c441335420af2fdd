"""What reading makes of the channels of an image, and its range of values."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.images.image import conform, read_image, value_range
from tests.support.pictures import noise, smooth
from tests.support.small_sets import make_side


def test_cmyk_is_refused_rather_than_read_as_four_channels(tmp_path: Path) -> None:
    Image.fromarray(smooth(16, 16)).convert("CMYK").save(tmp_path / "x.jpg")

    with pytest.raises(ValueError, match="CMYK"):
        read_image(tmp_path / "x.jpg")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_grey_is_the_luma_of_rec_601(dtype: str) -> None:
    top = 1.0 if dtype == "float32" else float(np.iinfo(dtype).max)
    primaries = (np.eye(4, 3) * top + np.eye(4)[3][:, None] * top).astype(dtype)[None]
    side = make_side(channels=1, grayscale=True)

    luma = conform(primaries, side)

    expected = np.array([0.299, 0.587, 0.114, 1.0]) * top
    if dtype != "float32":
        expected = np.rint(expected)
    np.testing.assert_array_equal(luma[0, :, 0], expected.astype(dtype), strict=True)


def test_grey_files_pass_where_grey_is_wanted() -> None:
    image = noise(4, 4, 1)

    np.testing.assert_array_equal(conform(image, make_side(channels=1, grayscale=True)), image)


@pytest.mark.parametrize(
    ("channels", "wanted", "hint"),
    [(3, 1, "grayscale: true"), (4, 3, "alpha"), (1, 3, "channels: 1"), (5, 3, "channels: 5")],
)
def test_a_wrong_number_of_channels_is_refused_with_a_remedy(
    channels: int, wanted: int, hint: str
) -> None:
    with pytest.raises(ValueError, match=hint):
        conform(noise(4, 4, channels), make_side(channels=wanted))


def test_the_value_range_is_declared_or_the_labels_or_the_integers() -> None:
    labels = make_side(kind="labels", channels=1, num_labels=19)

    assert value_range("uint8", make_side()) == (0, 255)
    assert value_range("uint16", make_side()) == (0, 65535)
    assert value_range("uint8", labels) == (0, 18)
    assert value_range("float32", make_side(value_range=(-1.0, 3.0))) == (-1, 3)
    with pytest.raises(ValueError, match="value_range"):
        value_range("float32", make_side())
