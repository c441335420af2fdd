"""TIFF files of which tifffile returns a part, or other colours, without an error."""

import io
import re
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.images.tiff import tiff_length

STACK = np.arange(5 * 16 * 24, dtype=np.uint16).reshape(5, 16, 24)
GREY = np.arange(16 * 24, dtype=np.uint16).reshape(16, 24).astype(np.uint8)


def written(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def _pages_of(content: bytes) -> int:
    """How many pages are read; 0 if the file is refused."""
    try:
        return decode(content).shape[-1]
    except UserError:
        return 0


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "minisblack"},
        {"photometric": "minisblack", "bigtiff": True},
        {"photometric": "minisblack", "byteorder": ">"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX"}, "truncate": True},
        {"ome": True, "metadata": {"axes": "ZYX"}, "photometric": "minisblack"},
    ],
)
def test_a_stack_that_is_cut_off_is_never_taken_for_a_smaller_one(options: dict[str, Any]) -> None:
    content = written(STACK, **options)
    whole = np.moveaxis(STACK, 0, -1)
    assert np.array_equal(decode(content), whole)
    assert tiff_length(io.BytesIO(content)) == 5
    found = [_pages_of(content[:size]) for size in range(40, len(content), 97)]
    assert found.count(0) > 20
    assert set(found) <= {0, 5}  # 5: only a description at the end is missing


def test_tifffile_writes_nothing_about_a_damaged_stack(caplog: pytest.LogCaptureFixture) -> None:
    """What it logs would come to the console, beside the error that names the file."""
    caplog.set_level("WARNING", "tifffile")
    content = written(STACK, photometric="minisblack", metadata=None)
    tag = struct.pack("<HH", 273, 4)  # where the pixels of a page lie
    second = content.index(tag, content.index(tag) + 1)
    damaged = io.BytesIO(content[:second] + b"\xff\xff" + content[second + 2 :])
    assert tiff_length(damaged) == 5  # only reading the slice finds what is wrong
    assert caplog.messages == []


def test_pages_in_other_files_are_missed() -> None:
    pages = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" PlaneCount="1"><UUID FileName="{z}.ome.tif">'
        f"urn:uuid:00000000-0000-0000-0000-00000000000{z}</UUID></TiffData>"
        for z in range(2)
    )
    description = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:00000000-0000-0000-0000-000000000000"><Image ID="Image:0"><Pixels '
        'ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="24" SizeY="16" SizeZ="2" '
        f'SizeC="1" SizeT="1">{pages}</Pixels></Image></OME>'
    )
    content = written(STACK[0], photometric="minisblack", metadata=None, description=description)
    with pytest.raises(UserError, match="it describes 1 more pages than it holds"):
        decode(content)
    with pytest.raises(UserError, match="it describes 1 more pages than it holds"):
        tiff_length(io.BytesIO(content))


def test_brightness_and_colour_differences_are_not_taken_for_red_green_and_blue() -> None:
    file = io.BytesIO()
    Image.fromarray(np.stack([GREY, GREY // 2, 255 - GREY], axis=-1)).convert("YCbCr").save(
        file, "TIFF"
    )
    message = "has YCBCR colours; convert it to RGB, or to grey where black is zero"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        decode(file.getvalue())


@pytest.mark.parametrize("factor", [1, 257])
def test_a_palette_may_have_8_or_16_bits(factor: int) -> None:
    ids = np.arange(256)
    palette = np.stack([ids, 255 - ids, ids // 2])
    colours = (palette * factor).astype(np.uint16)
    content = written(GREY, photometric="palette", colormap=colours)
    assert np.array_equal(decode(content), palette.T[GREY])


def test_each_page_with_a_palette_is_a_slice_in_its_own_colours() -> None:
    ids = np.arange(256)
    palettes = [np.stack([ids, 255 - ids, ids // 2]), np.stack([255 - ids, ids, ids])]
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for palette in palettes:
            colours = (palette * 257).astype(np.uint16)
            writer.write(GREY, photometric="palette", colormap=colours, metadata=None)
    content = file.getvalue()
    with pytest.raises(UserError, match=r"holds 2 pages or channels with a palette.*set slices: z"):
        decode(content)
    for index, palette in enumerate(palettes):
        read = decode(content, ReadOptions(volume_slice=VolumeSlice("z", index, 2)))
        assert np.array_equal(read, palette.T[GREY])


def test_a_palette_of_too_few_colours_is_named() -> None:
    content = written(GREY, photometric="palette", colormap=np.ones((3, 256), np.uint16))
    entry = struct.pack("<HHI", 320, 3, 3 * 256)
    assert content.count(entry) == 1
    shorter = content.replace(entry, struct.pack("<HHI", 320, 3, 3 * 10))
    with pytest.raises(UserError, match=r"truncated or damaged.*10 colours, a pixel has 255"):
        decode(shorter)
    assert np.array_equal(decode(content, ReadOptions(label_ids=True))[..., 0], GREY)
