"""The colours of DICOM files."""

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from tests.support.scientific_files import dicom, dicom_bytes, dicom_dataset

RNG = np.random.default_rng(0)


def test_colours_are_read() -> None:
    colours = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decode(dicom(colours)), colours)
    with pytest.raises(UserError, match="PALETTE COLOR colours"):
        decode(dicom(colours[..., 0], PhotometricInterpretation="PALETTE COLOR"))


def test_luminance_and_chroma_become_colours() -> None:
    colours = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
    stored = convert_color_space(colours, "RGB", "YBR_FULL")
    read = decode(dicom(stored, PhotometricInterpretation="YBR_FULL"))
    assert np.abs(read.astype(int) - colours).max() <= 2


@pytest.mark.parametrize(
    ("colours", "attributes"),
    [
        ("YBR_PARTIAL_422", {}),
        ("YBR_PARTIAL_420", {}),
        ("YBR_RCT", {}),
        ("YBR_ICT", {}),
        ("YBR_FULL", {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}),
    ],
)
def test_luminance_and_chroma_that_nothing_converts_are_refused_by_name(
    colours: str, attributes: dict[str, int]
) -> None:
    dtype = np.uint16 if attributes else np.uint8
    stored = RNG.integers(0, 256, (6, 8, 3)).astype(dtype)
    with pytest.raises(UserError, match=f"has {colours} colours.*convert it to"):
        decode(dicom(stored, PhotometricInterpretation=colours, **attributes))

    dataset = dicom_dataset(stored, PhotometricInterpretation=colours, **attributes)
    dataset.PixelData = encapsulate([imagecodecs.jpeg8_encode(stored.astype(np.uint8), level=95)])
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    with pytest.raises(UserError, match=f"has {colours} colours"):
        decode(dicom_bytes(dataset))


@pytest.mark.parametrize("colours", ["YBR_RCT", "RGB"])
def test_the_transforms_of_jpeg_2000_are_undone(colours: str) -> None:
    image = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    dataset = dicom_dataset(image, PhotometricInterpretation=colours)
    has_transform = colours == "YBR_RCT"
    dataset.PixelData = encapsulate(
        [imagecodecs.jpeg2k_encode(image, codecformat="j2k", mct=has_transform, reversible=True)]
    )
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    np.testing.assert_array_equal(decode(dicom_bytes(dataset)), image)
