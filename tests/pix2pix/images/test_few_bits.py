"""Images of 2 or 4 bits per value mean the same in PNG and TIFF files."""

import struct

import numpy as np
import pytest

from pix2pix.images.decode import decode, decode_file
from pix2pix.images.options import ReadOptions
from tests.support.png_files import grey_png
from tests.support.scientific_files import tiff

GDAL_METADATA, GDAL_NODATA = 42112, 42113


def values(bits: int) -> np.ndarray:
    return np.arange(64, dtype=np.uint8).reshape(8, 8) % 2**bits


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_is_spread_in_both_and_class_ids_in_neither(bits: int) -> None:
    stored = values(bits)
    for content in (grey_png(stored, depth=bits), tiff(stored, bitspersample=bits)):
        np.testing.assert_array_equal(decode(content)[..., 0], stored * (255 // (2**bits - 1)))
        np.testing.assert_array_equal(decode(content, ReadOptions(label_ids=True))[..., 0], stored)


def test_colours_and_opacity_are_spread_as_well() -> None:
    stored = np.stack([values(4), values(4) // 2, 15 - values(4), values(4)], axis=-1)
    content = tiff(stored, bitspersample=4, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(decode(content), stored * 17)


def test_palettes_and_measurements_keep_their_numbers() -> None:
    palette = np.arange(3 * 16, dtype=np.uint16).reshape(3, 16)
    stored = values(4)
    colours = (320, 3, palette.size, tuple(palette.ravel().tolist()), True)
    content = tiff(stored, bitspersample=4, extratags=[colours])
    photometric = struct.pack("<HHIH", 262, 3, 1, 1)  # grey, which becomes a palette
    assert content.count(photometric) == 1
    content = content.replace(photometric, struct.pack("<HHIH", 262, 3, 1, 3))
    np.testing.assert_array_equal(decode(content), palette.T[stored])

    text = '<GDALMetadata><Item name="SCALE" sample="0" role="scale">2</Item></GDALMetadata>'
    scaled = tiff(stored, bitspersample=4, extratags=[(GDAL_METADATA, 2, 0, text, True)])
    np.testing.assert_array_equal(decode(scaled)[..., 0], stored * 2.0)


def test_the_nodata_value_of_a_file_is_spread_with_it() -> None:
    stored = values(4)
    content = tiff(stored, bitspersample=4, extratags=[(GDAL_NODATA, 2, 0, "3", True)])
    decoded = decode_file(content, ReadOptions(nodata="file"))
    np.testing.assert_array_equal(decoded.valid, stored != 3)
