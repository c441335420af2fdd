"""EXIF orientation, in every format that can carry it."""

import io
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images.decode import decode_file
from pix2pix.images.image import read_image
from pix2pix.images.options import ReadOptions
from tests.support.png_files import with_chunk

TURNS = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}
KINDS = ("jpeg", "png", "png16", "tiff", "tiff16", "tiff-float", "webp")

LABEL_IDS = ReadOptions(label_ids=True)


def picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return cv2.resize(small, (24, 16), interpolation=cv2.INTER_CUBIC)


def encoded(image: np.ndarray, kind: str, orientation: int) -> bytes:
    """A file with the tag; orientation 0: without."""
    file = io.BytesIO()
    if kind.startswith("tiff"):
        dtype = {"tiff": "uint8", "tiff16": "uint16", "tiff-float": "float32"}[kind]
        tags = [(274, "H", 1, orientation, True)] if orientation else None
        tifffile.imwrite(file, image.astype(dtype), photometric="rgb", extratags=tags)
        return file.getvalue()
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    if kind == "png16":
        plain = bytes(imagecodecs.png_encode(image.astype(np.uint16) * 257))
        return with_chunk(plain, b"eXIf", exif.tobytes()[6:]) if orientation else plain
    Image.fromarray(image).save(
        file, kind, exif=exif, **{"lossless": True} if kind == "webp" else {}
    )
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", TURNS)
def test_every_format_stands_upright_as_exif_says(kind: str, orientation: int) -> None:
    plain = decode_file(encoded(picture(), kind, 0))
    turned = decode_file(encoded(picture(), kind, orientation))

    np.testing.assert_array_equal(turned.pixels, TURNS[orientation](plain.pixels), strict=True)
    assert turned.facts.orientation == orientation
    assert plain.facts.orientation == 1


@pytest.mark.parametrize("orientation", TURNS)
def test_a_jpeg_is_turned_upright_as_exif_says(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(picture())
    image.save(tmp_path / "plain.jpg")
    image.save(tmp_path / "turned.jpg", exif=exif)

    plain = read_image(tmp_path / "plain.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "turned.jpg"), TURNS[orientation](plain))


def test_label_ids_are_turned_with_their_palette(tmp_path: Path) -> None:
    ids = np.arange(24, dtype=np.uint8).reshape(4, 6) % 5
    image = Image.fromarray(ids).convert("P")
    image.putpalette(list(range(15)))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.png", exif=exif)

    read = decode_file((tmp_path / "x.png").read_bytes(), LABEL_IDS)

    np.testing.assert_array_equal(read.pixels[..., 0], TURNS[6](ids))


def test_a_tag_that_means_nothing_turns_nothing() -> None:
    np.testing.assert_array_equal(decode_file(encoded(picture(), "tiff", 9)).pixels, picture())
