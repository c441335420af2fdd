"""PNG files that are damaged in ways that decoders pass over."""

import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from pix2pix.images.options import ReadOptions
from pix2pix.images.png_chunks import check_rows
from tests.support.png_files import png_file

GREY = np.random.default_rng(0).integers(1, 256, (41, 50), dtype=np.uint8)
# As ISO/IEC 15948, 8.2 has it: the first row and column, and the steps, of each pass.
PASSES = [
    *((slice(0, None, 8), slice(0, None, 8)), (slice(0, None, 8), slice(4, None, 8))),
    *((slice(4, None, 8), slice(0, None, 4)), (slice(0, None, 4), slice(2, None, 4))),
    *((slice(2, None, 4), slice(0, None, 2)), (slice(0, None, 2), slice(1, None, 2))),
    (slice(1, None, 2), slice(0, None, 1)),
]


def lines(image: np.ndarray) -> list[bytes]:
    """The rows of an image as a PNG file has them, without filters."""
    return [b"\0" + row.tobytes() for row in image]


@pytest.mark.parametrize("num_rows", [0, 20, 40])
def test_rows_that_are_missing_at_the_end_are_refused(num_rows: int) -> None:
    packed = zlib.compress(b"".join(lines(GREY)[:num_rows]))
    with pytest.raises(UserError, match="truncated or damaged"):
        decode(png_file(*GREY.shape, packed))


@pytest.mark.parametrize("height", [1, 2, 8, 40, 41])
def test_a_row_that_is_missing_in_any_pass_is_refused(height: int) -> None:
    stored = [line for place in PASSES for line in lines(GREY[:height][place])]
    whole = interlaced(height, stored)
    np.testing.assert_array_equal(decode(whole)[..., 0], GREY[:height])
    check_rows(whole)
    with pytest.raises(UserError, match="truncated or damaged"):
        decode(interlaced(height, stored[:-1]))


def interlaced(height: int, stored: list[bytes]) -> bytes:
    packed = zlib.compress(b"".join(stored))
    return png_file(height, GREY.shape[1], packed, is_interlaced=True)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_black_at_the_end_is_no_missing_row(mode: str) -> None:
    image = Image.new(mode, (33, 9))
    file = io.BytesIO()
    image.save(file, "PNG")
    assert decode(file.getvalue()).shape[:2] == (9, 33)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt"])
def test_long_profiles_and_notes_do_not_hinder_the_reading(kind: bytes, depth: int) -> None:
    """Editors write the history of a picture into it, and printers have profiles of this size."""
    head = b"XML:com.adobe.xmp\0\1\0\0\0" if kind == b"iTXt" else b"name\0\0"
    stored = GREY if depth == 8 else GREY.astype(">u2")
    file = png_file(
        *GREY.shape,
        zlib.compress(b"".join(lines(stored))),
        depth=depth,
        others=((kind, head + zlib.compress(bytes(3 * 2**20))),),
    )
    np.testing.assert_array_equal(decode(file)[..., 0], GREY)


@pytest.mark.parametrize("height", [1, 2, 8, 41])
@pytest.mark.parametrize("transparent", [None, 258])
def test_an_interlaced_file_of_16_bits_is_read_without_a_line_on_the_console(
    height: int, transparent: int | None, capfd: pytest.CaptureFixture[str]
) -> None:
    values = GREY[:height].astype(np.uint16) * 257 + 1
    rows = [line for place in PASSES for line in lines(values[place].astype(">u2"))]
    others = () if transparent is None else ((b"tRNS", transparent.to_bytes(2)),)
    options: dict[str, Any] = {"depth": 16, "is_interlaced": True, "others": others}
    pixels = decode(png_file(height, 50, zlib.compress(b"".join(rows)), **options))
    np.testing.assert_array_equal(pixels[..., 0], values)
    if transparent is not None:
        opacity = np.where(values == transparent, 0, 65535)
        np.testing.assert_array_equal(pixels[..., 1], opacity)
    assert pixels.shape == (height, 50, 1 if transparent is None else 2)
    with pytest.raises(UserError, match="rows are missing at its end"):
        decode(png_file(height, 50, zlib.compress(b"".join(rows[:-1])), **options))
    assert capfd.readouterr() == ("", "")


def test_a_transparent_colour_that_is_cut_off_is_refused_and_takes_no_channel_of_labels_away() -> (
    None
):
    packed = zlib.compress(2 * (b"\0" + bytes(3 * 2 * 2)))
    file = png_file(2, 2, packed, depth=16, colour_type=2, others=((b"tRNS", b"1"),))
    assert decode(file, ReadOptions(label_ids=True)).shape == (2, 2, 3)
    with pytest.raises(UserError, match="truncated or damaged"):
        decode(file)
