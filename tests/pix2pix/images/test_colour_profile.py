"""The names of the ICC profiles of files."""

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from pix2pix.images.colour_profile import is_srgb, profile_name
from pix2pix.images.decode import decode_file
from tests.support.png_files import png_file

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


def by_exif(*, space: int | None = None, index: str | None = None) -> bytes:
    """EXIF data as cameras write it, with the tags ColorSpace and InteroperabilityIndex."""
    exif = Image.Exif()
    if space is not None:
        exif.get_ifd(0x8769)[0xA001] = space
    if index is not None:
        exif.get_ifd(0x8769)[0xA005] = {1: index}
    return exif.tobytes()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("exif", "name"),
    [
        (by_exif(space=1, index="R98"), None),
        (by_exif(space=65535, index="R03"), "Adobe RGB by EXIF"),
        (by_exif(space=2), "Adobe RGB by EXIF"),
        (by_exif(space=65535, index="R03")[:40], None),
    ],
    ids=["srgb", "adobe", "adobe of some cameras", "damaged"],
)
def test_cameras_state_adobe_rgb_by_exif_alone(kind: str, exif: bytes, name: str | None) -> None:
    assert decode_file(encoded(kind, exif=exif)).facts.colour_profile == name
    with_icc = encoded(kind, exif=exif, icc_profile=icc())
    assert decode_file(with_icc).facts.colour_profile == "sRGB built-in"


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(
    ("chunks", "name"),
    [
        ({b"gAMA": struct.pack(">I", 45455)}, None),
        ({b"gAMA": struct.pack(">I", 100_000)}, "gamma 1"),
        ({b"gAMA": struct.pack(">I", 55_556)}, "gamma 0.55556"),
        ({b"gAMA": struct.pack(">I", 100_000), b"sRGB": b"\0"}, None),
        ({b"cICP": bytes([1, 13, 0, 1])}, None),
        ({b"cICP": bytes([1, 1, 0, 1]), b"gAMA": struct.pack(">I", 51_724)}, None),
        ({b"cICP": bytes([9, 16, 0, 1])}, "primaries 9 and curve 16 of ITU-T H.273"),
        ({b"cICP": bytes([12, 13, 0, 1])}, "primaries 12 and curve 13 of ITU-T H.273"),
    ],
)
def test_chunks_of_a_png_state_colours_too(
    chunks: dict[bytes, bytes], name: str | None, depth: int
) -> None:
    row = bytes(1 + 3 * depth // 8)
    others = tuple(chunks.items())
    data = png_file(1, 1, zlib.compress(row), depth=depth, colour_type=2, others=others)
    assert decode_file(data).facts.colour_profile == name


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
