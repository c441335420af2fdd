"""Images and masks of one bit, in files where zero is black and where zero is white."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images.decode import decode, decode_file
from pix2pix.images.options import ReadOptions

WHITE = np.random.default_rng(0).integers(0, 2, (9, 13)).astype(bool)


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(WHITE).save(file, "PNG")
    return file.getvalue()


def tiff(photometric: str) -> bytes:
    file = io.BytesIO()
    stored = WHITE if photometric == "minisblack" else ~WHITE
    tifffile.imwrite(file, stored, photometric=photometric)
    return file.getvalue()


@pytest.mark.parametrize("data", [png(), tiff("minisblack"), tiff("miniswhite")],
                         ids=["png", "black", "white"])  # fmt: skip
def test_white_is_the_higher_value_however_it_is_stored(data: bytes) -> None:
    ids = decode(data, ReadOptions(label_ids=True))
    np.testing.assert_array_equal(ids, WHITE[..., None].astype(np.uint8))
    np.testing.assert_array_equal(decode(data), 255 * ids)


def test_a_tiff_palette_of_two_colours_is_read() -> None:
    file = io.BytesIO()
    palette = (65535, 0, 0, 257, 0, 65535)  # two shades each of red, green, blue
    tifffile.imwrite(file, WHITE, photometric="minisblack", extratags=[(320, "H", 6, palette)])
    grey, of_palette = (struct.pack("<HHIHH", 262, 3, 1, kind, 0) for kind in (1, 3))
    data = file.getvalue().replace(grey, of_palette)
    np.testing.assert_array_equal(
        decode(data), np.where(WHITE[..., None], (0, 1, 255), (255, 0, 0)).astype(np.uint8)
    )
    ids = decode_file(data, ReadOptions(label_ids=True))
    np.testing.assert_array_equal(ids.pixels, WHITE[..., None].astype(np.uint8))
    assert ids.facts.id_colours == ((0, "#ff0000"), (1, "#0001ff"))
