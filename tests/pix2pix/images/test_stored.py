"""Which dtypes of files are read, and as what."""

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.images.decode import decode, decode_file
from pix2pix.images.options import ReadOptions
from pix2pix.images.stored import as_written, stored_pixels, written_dtype
from tests.support.scientific_files import npy, tiff

LABEL_IDS = ReadOptions(label_ids=True)


def extremes(dtype: str) -> np.ndarray:
    """Values of a dtype, its smallest and its largest among them; all are exact as float32."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.array([[-1.5, 0.25], [1 / 3, 60000]], kind)
    limits = np.iinfo(kind)
    high = limits.max if limits.bits <= 16 else limits.max - limits.max % 2**8
    return np.array([[limits.min, 0], [77, high]], kind)


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "int32", "uint32", "float16", "float32", ">i2", ">f4"]
)
@pytest.mark.parametrize("write", [npy, tiff])
def test_numbers_are_read_as_float32_value_for_value(write: object, dtype: str) -> None:
    values = extremes(dtype)

    decoded = decode_file(write(values))  # type: ignore[operator]

    assert decoded.pixels.dtype == np.float32
    assert decoded.facts.dtype == values.dtype.newbyteorder("=").name
    np.testing.assert_array_equal(decoded.pixels[..., 0].astype(np.float64), values)


@pytest.mark.parametrize("write", [npy, tiff])
def test_float64_is_rounded_to_float32(write: object) -> None:
    values = np.random.default_rng(0).normal(size=(4, 5)) * 1e6
    np.testing.assert_array_equal(
        decode(write(values))[..., 0],  # type: ignore[operator]
        values.astype(np.float32),
    )


def test_numbers_beyond_float32_are_refused() -> None:
    with pytest.raises(UserError, match="1 NaN or infinite"):
        decode(npy(np.array([[1e300, 0.0]])))


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "uint32", "int64", "float16", "float32", "float64"]
)
def test_class_ids_of_any_numbers_are_read(dtype: str) -> None:
    ids = np.array([[0, 5], [100, 7]], dtype)
    read = decode(npy(ids), LABEL_IDS)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read[..., 0], ids)


@pytest.mark.parametrize("wrong", [-1, 2**16])
def test_integers_that_are_no_class_ids_are_named(wrong: int) -> None:
    with pytest.raises(UserError, match=rf"{wrong}.*class ids are 0\.\.65535"):
        decode(npy(np.array([[0, wrong]])), LABEL_IDS)


def test_long_integers_are_refused_with_both_remedies() -> None:
    with pytest.raises(UserError, match=r"int64.*store uint8.*set num_labels"):
        decode(npy(np.zeros((4, 4), np.int64)))


def test_masks_of_booleans_are_read_as_bits() -> None:
    mask = np.array([[True, False]])
    assert decode(npy(mask)).tolist() == [[[255], [0]]]
    assert decode(npy(mask), LABEL_IDS).tolist() == [[[1], [0]]]


def test_a_stack_of_images_is_told_of_slices() -> None:
    with pytest.raises(UserError, match=r"\(2, 3, 4, 5\).*set slices"):
        stored_pixels(np.zeros((2, 3, 4, 5), np.uint8), label_ids=False)


def test_integers_are_written_as_they_were_read() -> None:
    assert [written_dtype(dtype) for dtype in ("int16", "uint32", "uint8", "float64")] == [
        "int16",
        "uint32",
        None,
        None,
    ]
    image = np.array([-1.4, 2.5, 3.6, 1e9], np.float32)
    assert as_written(image, "int16").tolist() == [-1, 2, 4, 32767]
    assert as_written(image, None) is image
