"""PNG files that are damaged in ways that decoders pass over."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
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
