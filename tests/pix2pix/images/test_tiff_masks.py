"""Masks inside of TIFF files, which say which pixels have a value."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile

from pix2pix.errors import UserError
from pix2pix.images.decode import decode_file, decode_halves
from pix2pix.images.options import ReadOptions, VolumeSlice

IMAGE = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
VALID = np.zeros((20, 30), np.bool_)
VALID[3:, 4:] = True
BY_FILE = ReadOptions(nodata="file", value_range=(0.0, 1000.0))


def masked_tiff(image: np.ndarray, *masks: np.ndarray, **tags: Any) -> bytes:
    """As GDAL writes it: the image, a reduced copy, and the masks of both."""
    file = io.BytesIO()
    photometric = "rgb" if image.ndim == 3 else "minisblack"
    with tifffile.TiffWriter(file) as writer:
        writer.write(image, photometric=photometric, metadata=None, **tags)
        writer.write(image[::2, ::2], photometric=photometric, subfiletype=1, metadata=None)
        for mask in masks:
            options = {"photometric": "mask", "metadata": None}
            writer.write(mask, subfiletype=4, **options)
            writer.write(mask[::2, ::2], subfiletype=5, **options)
    return file.getvalue()


def test_masked_pixels_have_no_value_if_the_file_says_what_is_nodata() -> None:
    data = masked_tiff(IMAGE, VALID)
    decoded = decode_file(data, BY_FILE)
    np.testing.assert_array_equal(decoded.valid, VALID)
    np.testing.assert_array_equal(decoded.pixels[..., 0], np.where(VALID, IMAGE, 0))
    for nodata in (None, 7.0):
        kept = decode_file(data, ReadOptions(nodata=nodata))
        assert kept.facts.has_mask
        assert kept.pixels[0, 1, 0] == 1


def test_a_mask_is_turned_cut_and_joined_to_the_nodata_value() -> None:
    turned = decode_file(masked_tiff(IMAGE, VALID, extratags=[(274, "H", 1, 3, True)]), BY_FILE)
    np.testing.assert_array_equal(turned.valid, VALID[::-1, ::-1])
    both = masked_tiff(IMAGE, VALID, extratags=[(42113, 2, 0, "599", True)])
    assert not decode_file(both, BY_FILE).valid[-1, -1]
    left, right = decode_halves(both, ReadOptions(), BY_FILE)
    assert left.valid is None
    np.testing.assert_array_equal(right.valid[:-1], VALID[:-1, 15:])
    colours = decode_file(masked_tiff(np.stack([IMAGE] * 3, axis=-1), VALID), BY_FILE)
    np.testing.assert_array_equal(colours.valid, VALID)
    whole = decode_file(masked_tiff(IMAGE, np.ones_like(VALID)), BY_FILE)
    assert (whole.valid, whole.facts.has_mask) == (None, True)
    second = np.ones_like(VALID)
    second[:, -2:] = False
    two = decode_file(masked_tiff(IMAGE, VALID, second), BY_FILE)
    np.testing.assert_array_equal(two.valid, VALID & second)
    other = decode_file(masked_tiff(IMAGE, VALID[:-1]), BY_FILE)
    assert (other.valid, other.facts.has_mask) == (None, False)


def test_each_slice_has_its_own_mask() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for valid in (VALID, ~VALID):
            writer.write(IMAGE, photometric="minisblack", metadata=None)
            writer.write(valid, photometric="mask", subfiletype=4, metadata=None)
    for index, valid in enumerate((VALID, ~VALID)):
        options = ReadOptions(nodata="file", volume_slice=VolumeSlice("z", index, 2))
        np.testing.assert_array_equal(decode_file(file.getvalue(), options).valid, valid)

    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(3):
            writer.write(IMAGE, photometric="minisblack", metadata=None)
        writer.write(VALID, photometric="mask", subfiletype=4, metadata=None)
    options = ReadOptions(nodata="file", volume_slice=VolumeSlice("z", 1, 3))
    with pytest.raises(UserError, match=r"^holds 1 masks for 3 slices"):
        decode_file(file.getvalue(), options)
