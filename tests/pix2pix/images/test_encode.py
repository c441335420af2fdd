import io

import numpy as np
import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.images.decode import decode_file
from pix2pix.images.encode import encode, encode_as, file_suffix, lossless_type


def picture(dtype: str, channels: int) -> np.ndarray:
    rng = np.random.default_rng(channels)
    if dtype == "float32":
        return rng.normal(size=(9, 13, channels)).astype(np.float32)
    return rng.integers(0, np.iinfo(dtype).max, (9, 13, channels), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    ("channels", "alpha"),
    [(1, False), (2, False), (2, True), (3, False), (4, False), (4, True), (5, False), (12, False)],
)
def test_what_was_encoded_is_decoded_as_it_was(dtype: str, channels: int, alpha: bool) -> None:
    image = picture(dtype, channels)
    for content in (encode(image, alpha=alpha), encode_as(image, "image/tiff", alpha=alpha)):
        decoded = decode_file(content)
        assert decoded.facts.has_alpha == alpha
        assert decoded.pixels.dtype == image.dtype
        np.testing.assert_array_equal(decoded.pixels, image)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [2, 4])
def test_bands_that_are_no_opacity_are_not_written_as_png(dtype: str, channels: int) -> None:
    image = picture(dtype, channels)
    assert file_suffix(dtype, channels) == ".tif"
    assert file_suffix(dtype, channels, alpha=True) == ".png"
    assert lossless_type(image) == "image/tiff"
    assert lossless_type(image, alpha=True) == "image/png"
    with pytest.raises(UserError, match=rf"image/png cannot store {channels} channel"):
        encode_as(image, "image/png")


@pytest.mark.parametrize(
    ("dtype", "channels"), [("uint16", 3), ("float32", 1), ("uint8", 2), ("uint8", 4)]
)
def test_what_jpeg_cannot_store_is_refused(dtype: str, channels: int) -> None:
    said = rf"^image/jpeg cannot store {channels} channels? of {dtype}; ask for"
    with pytest.raises(UserError, match=said):
        encode_as(picture(dtype, channels), "image/jpeg")


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_grey_or_coloured(channels: int) -> None:
    smooth = np.linspace(0, 255, 9 * 13).astype(np.uint8).reshape(9, 13, 1).repeat(channels, axis=2)
    decoded = decode_file(encode_as(smooth, "image/jpeg"))
    assert (decoded.facts.file_format, decoded.pixels.shape) == ("JPEG", smooth.shape)
    np.testing.assert_allclose(decoded.pixels, smooth, atol=8)


def test_other_programs_find_colours_and_opacity_in_a_tiff_file() -> None:
    image = picture("uint8", 4)
    content = encode_as(image, "image/tiff", alpha=True)
    assert Image.open(io.BytesIO(content)).mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), image)


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
