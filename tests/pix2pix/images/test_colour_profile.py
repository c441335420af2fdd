"""The names of the ICC profiles of files."""

import io
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from pix2pix.images.colour_profile import is_srgb, profile_name
from pix2pix.images.decode import decode_file

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)


def icc(name: str = "sRGB") -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def encoded(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_the_name_is_read_and_the_pixels_stay(kind: str) -> None:
    lossless = {"lossless": True} if kind == "WEBP" else {}
    plain = decode_file(encoded(kind, **lossless))
    tagged = decode_file(encoded(kind, **lossless, icc_profile=icc("LAB")))
    assert plain.facts.colour_profile is None
    assert tagged.facts.colour_profile == "Lab identity built-in"
    np.testing.assert_array_equal(tagged.pixels, plain.pixels)


def test_16_bit_png_files_have_a_profile_too() -> None:
    data = imagecodecs.png_encode(PIXELS.astype(np.uint16) * 257)
    first = data.index(b"IDAT") - 4
    start = encoded("PNG", icc_profile=icc("XYZ"))
    chunk = start[start.index(b"iCCP") - 4 :]
    length = int.from_bytes(chunk[:4], "big")
    tagged = data[:first] + chunk[: 12 + length] + data[first:]
    assert decode_file(tagged).facts.colour_profile == "XYZ identity built-in"
    assert decode_file(data).facts.colour_profile is None


@pytest.mark.parametrize(
    ("profile", "name"),
    [(None, None), (b"", None), (icc(), "sRGB built-in"), (b"junk", "a profile without a name")],
    ids=["none", "empty", "srgb", "junk"],  # the bytes hold the time at which they were made
)
def test_a_profile_that_cannot_be_read_has_no_name(profile: bytes | None, name: str | None) -> None:
    assert profile_name(profile) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sRGB IEC61966-2.1", True), ("c2", True), ("Adobe RGB (1998)", False), ("Display P3", False)],
)
def test_profiles_of_srgb_have_several_names(name: str, expected: bool) -> None:
    assert is_srgb(name) == expected
