"""Images and masks of one bit, in files where zero is black and where zero is white."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images.decode import decode
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
