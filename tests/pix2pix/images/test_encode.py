import numpy as np
import pytest

from pix2pix.images.decode import decode
from pix2pix.images.encode import encode, file_suffix


def picture(dtype: str, channels: int) -> np.ndarray:
    rng = np.random.default_rng(channels)
    if dtype == "float32":
        return rng.normal(size=(9, 13, channels)).astype(np.float32)
    return rng.integers(0, np.iinfo(dtype).max, (9, 13, channels), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 12])
def test_what_was_encoded_is_decoded_as_it_was(dtype: str, channels: int) -> None:
    image = picture(dtype, channels)
    decoded = decode(encode(image))
    assert decoded.dtype == image.dtype
    np.testing.assert_array_equal(decoded, image)


@pytest.mark.parametrize(
    ("dtype", "channels", "suffix", "start"),
    [
        ("uint8", 3, ".png", b"\x89PNG"),
        ("uint16", 1, ".png", b"\x89PNG"),
        ("uint8", 5, ".tif", b"II*\0"),
        ("float32", 1, ".tif", b"II*\0"),
    ],
)
def test_the_suffix_is_that_of_the_content(
    dtype: str, channels: int, suffix: str, start: bytes
) -> None:
    assert file_suffix(dtype, channels) == suffix
    assert encode(picture(dtype, channels)).startswith(start)


def test_the_same_image_is_the_same_bytes_however_it_lies_in_memory() -> None:
    image = picture("uint8", 3)
    assert encode(np.asfortranarray(image)) == encode(image)
    assert encode(image[:, ::-1][:, ::-1]) == encode(image)
