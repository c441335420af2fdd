"""TIFF files of which zeros fill up a part, as an interrupted copy leaves them."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from tests.support.scientific_files import tiff


@pytest.mark.parametrize("layout", [{}, {"rowsperstrip": 16}, {"tile": (32, 32)}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_jpeg_pixels_of_a_tiff_that_zeros_fill_up_are_damaged(
    layout: dict[str, object], share: float
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    sound = tiff(pixels, compression="jpeg", photometric="rgb", **layout)
    assert decode(sound).shape == pixels.shape
    start = int(len(sound) * share)
    with pytest.raises(UserError, match="is truncated or damaged"):
        decode(sound[:start] + bytes(len(sound) - start))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_so_are_pixels_of_jpeg_2000_in_a_single_strip(share: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    sound = tiff(pixels, compression="jpeg2000", photometric="rgb", rowsperstrip=64)
    start = int(len(sound) * share)
    with pytest.raises(UserError, match="the end of a strip or tile of its pixels is missing"):
        decode(sound[:start] + bytes(len(sound) - start))


def _written_by_libtiff(**options: object) -> bytes:
    """A file as many programs write it: where its strips lie is stored behind them."""
    pixels = np.random.default_rng(0).integers(0, 256, (128, 320, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF", **options)
    return file.getvalue()


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_a_tiff_whose_places_of_pixels_zeros_fill_up_is_damaged(compression: str) -> None:
    """tifffile would take the strips for empty ones, which GDAL leaves out."""
    sound = _written_by_libtiff(compression=compression, strip_size=2**14)
    with tifffile.TiffFile(io.BytesIO(sound)) as file:
        places = file.pages.first.aspage().tags[279].valueoffset
        assert len(file.pages.first.aspage().dataoffsets) > 2
    for start in (places + 4, places + 8):
        with pytest.raises(UserError, match="is truncated or damaged"):
            decode(sound[:start] + bytes(len(sound) - start))


def test_a_tiff_whose_tables_for_jpeg_zeros_fill_up_is_damaged() -> None:
    sound = _written_by_libtiff(compression="jpeg")
    with tifffile.TiffFile(io.BytesIO(sound)) as file:
        page = file.pages.first.aspage()
        tag, tables = page.tags[347], page.jpegtables
    assert tables is not None
    changed = bytearray(sound)
    changed[tag.valueoffset + 40 : tag.valueoffset + len(tables)] = bytes(len(tables) - 40)
    with pytest.raises(UserError, match="the tables of its JPEG pixels"):
        decode(bytes(changed))


def test_a_tiff_that_leaves_out_empty_tiles_is_read() -> None:
    pixels = np.zeros((32, 64), np.uint8)
    pixels[:, 32:] = 7
    data = bytearray(tiff(pixels, tile=(32, 32), compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags = file.pages.first.aspage().tags
        places = [tags[number].valueoffset for number in (324, 325)]
        sizes = [tags[number].valuebytecount // 2 for number in (324, 325)]
    for place, size in zip(places, sizes, strict=True):
        data[place : place + size] = bytes(size)
    assert np.array_equal(decode(bytes(data))[..., 0], pixels)


@pytest.mark.parametrize("compression", [None, "lzw", "zstd", "packbits"])
@pytest.mark.parametrize("layout", [{"rowsperstrip": 16}, {"tile": (16, 16)}])
def test_a_tiff_that_states_more_rows_than_it_lists_strips_is_damaged(
    compression: str | None, layout: dict[str, object]
) -> None:
    """tifffile would fill the rest of the image with zeros."""
    data = bytearray(tiff(np.full((64, 16), 7, np.uint8), compression=compression, **layout))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        place = file.pages.first.aspage().tags[257].valueoffset
    data[place : place + 2] = (96).to_bytes(2, "little")
    with pytest.raises(UserError, match="it lists 4 of the 6 strips or tiles of its pixels"):
        decode(bytes(data))


def test_a_tiff_of_a_single_strip_is_read_whatever_rows_a_strip_it_states() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 16), np.uint8)
    data = bytearray(tiff(pixels, rowsperstrip=64))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        place = file.pages.first.aspage().tags[278].valueoffset
    data[place : place + 2] = (8).to_bytes(2, "little")
    assert np.array_equal(decode(bytes(data))[..., 0], pixels)
