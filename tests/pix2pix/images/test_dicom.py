"""DICOM files, as pydicom writes them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from pix2pix.errors import UserError
from pix2pix.images.decode import decode, decode_file
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.images.volumes import selected_slices
from tests.support.scientific_files import dicom, dicom_bytes, dicom_dataset
from tests.support.small_sets import make_side

RNG = np.random.default_rng(0)
CT = RNG.integers(0, 4096, (6, 9)).astype(np.uint16)
SIGNED = RNG.integers(-2000, 2000, (6, 9)).astype(np.int16)


@pytest.mark.parametrize(
    ("pixels", "slope", "intercept"), [(CT, 1, -1024), (SIGNED, 0.5, 3.25), (CT, 2.5, 0)]
)
def test_slope_and_intercept_give_the_units_of_the_device(
    pixels: np.ndarray, slope: float, intercept: float
) -> None:
    data = dicom(pixels, RescaleSlope=slope, RescaleIntercept=intercept)
    np.testing.assert_array_equal(decode(data)[..., 0], pixels.astype(float) * slope + intercept)


@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": 1, "RescaleIntercept": 0}])
def test_without_a_rescale_the_integers_are_kept(rescale: dict[str, float]) -> None:
    decoded = decode_file(dicom(CT, BitsStored=12, HighBit=11, **rescale))
    assert (decoded.pixels.dtype, decoded.facts.file_format) == (np.uint16, "DICOM")
    np.testing.assert_array_equal(decoded.pixels[..., 0], CT)
    signed = decode_file(dicom(SIGNED, **rescale))
    assert signed.facts.dtype == "int16"
    np.testing.assert_array_equal(signed.pixels[..., 0], SIGNED)


def test_black_on_white_is_inverted_within_the_stored_bits() -> None:
    data = dicom(CT, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(decode(data)[..., 0], 4095 - CT)


@pytest.mark.parametrize(
    "data",
    [
        dicom(SIGNED, PhotometricInterpretation="MONOCHROME1"),
        dicom(CT, PhotometricInterpretation="MONOCHROME1", RescaleSlope=1, RescaleIntercept=-1024),
    ],
    ids=["signed", "rescaled"],
)
def test_black_on_white_of_measurements_is_refused_with_the_reason(data: bytes) -> None:
    with pytest.raises(UserError, match=r"MONOCHROME1.*convert it to MONOCHROME2"):
        decode(data)


def test_frames_are_slices() -> None:
    frames = np.stack([CT, CT[::-1], CT // 2])
    data = dicom(frames, RescaleSlope=2, RescaleIntercept=1)
    for index, frame in enumerate(frames):
        options = ReadOptions(volume_slice=VolumeSlice("z", index, 3))
        np.testing.assert_array_equal(decode(data, options)[..., 0], frame * 2.0 + 1)
    with pytest.raises(UserError, match=r"holds 3 frames; set slices"):
        decode(data)


def test_each_frame_of_an_enhanced_file_has_its_own_rescale() -> None:
    dataset = dicom_dataset(np.stack([CT, CT]))
    groups = []
    for intercept in (-1000, 5):
        rescale, group = Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = 1, intercept
        group.PixelValueTransformationSequence = [rescale]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    for index, intercept in enumerate((-1000, 5)):
        options = ReadOptions(volume_slice=VolumeSlice("z", index, 2))
        read = decode(dicom_bytes(dataset), options)
        np.testing.assert_array_equal(read[..., 0], CT + float(intercept))


def test_jpeg_2000_is_decoded() -> None:
    dataset = dicom_dataset(CT)
    dataset.PixelData = encapsulate([imagecodecs.jpeg2k_encode(CT, codecformat="j2k")])
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    np.testing.assert_array_equal(decode(dicom_bytes(dataset))[..., 0], CT)


LOSSLESS = {
    JPEGLosslessSV1: partial(imagecodecs.jpeg8_encode, lossless=True, predictor=1),
    JPEGLossless: partial(imagecodecs.jpeg8_encode, lossless=True, predictor=4),
    JPEGLSLossless: imagecodecs.jpegls_encode,
}


def packed(frames: list[np.ndarray], syntax: str, **attributes: object) -> Dataset:
    dataset = dicom_dataset(np.stack(frames) if len(frames) > 1 else frames[0], **attributes)
    bits = {} if syntax == JPEGLSLossless else {"bitspersample": int(dataset.BitsStored)}
    raw = [frame.view(f"u{frame.itemsize}") for frame in frames]
    dataset.PixelData = encapsulate([LOSSLESS[syntax](frame, **bits) for frame in raw])
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


@pytest.mark.parametrize("syntax", LOSSLESS, ids=["jpeg sv1", "jpeg", "jpeg-ls"])
def test_the_lossless_compressions_of_scanners_are_decoded(syntax: str) -> None:
    twelve = {"BitsStored": 12, "HighBit": 11}
    data = dicom_bytes(packed([CT], syntax, RescaleSlope=1, RescaleIntercept=-1024, **twelve))
    np.testing.assert_array_equal(decode(data)[..., 0], CT.astype(float) - 1024)
    signed = dicom_bytes(packed([SIGNED], syntax))
    np.testing.assert_array_equal(decode(signed)[..., 0], SIGNED)
    frames = dicom_bytes(packed([CT, CT[::-1]], syntax, **twelve))
    second = ReadOptions(volume_slice=VolumeSlice("z", 1, 2))
    np.testing.assert_array_equal(decode(frames, second)[..., 0], CT[::-1])


@pytest.mark.parametrize("syntax", LOSSLESS, ids=["jpeg sv1", "jpeg", "jpeg-ls"])
def test_a_frame_of_another_size_is_refused_before_it_is_decoded(syntax: str) -> None:
    dataset = packed([CT], syntax, BitsStored=12, HighBit=11)
    dataset.Rows = 7
    with pytest.raises(UserError, match=r"\(6, 9\) rows and columns, the file states \(7, 9\)"):
        decode(dicom_bytes(dataset))


def test_run_lengths_are_decoded_and_others_name_the_compression() -> None:
    dataset = dicom_dataset(CT)
    dataset.compress(RLELossless)
    np.testing.assert_array_equal(decode(dicom_bytes(dataset))[..., 0], CT)
    dataset.file_meta.TransferSyntaxUID = HTJ2KLossless
    with pytest.raises(UserError, match=r"compressed as High-Throughput JPEG.*gdcmconv --raw"):
        decode(dicom_bytes(dataset))


def test_a_deflated_file_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    dataset = dicom_dataset(np.zeros((4096, 4096), np.uint8))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = dicom_bytes(dataset)
    assert len(data) < 2**16
    with pytest.raises(UserError, match="is a deflated DICOM file; unpack it"):
        decode(data)
    (tmp_path / "x.dcm").write_bytes(data)
    with pytest.raises(UserError, match="is a deflated DICOM file; unpack it"):
        selected_slices(tmp_path / "x.dcm", make_side(slices="z"))


def test_loss_is_told() -> None:
    assert decode_file(dicom(CT, LossyImageCompression="01")).facts.is_lossy
    assert not decode_file(dicom(CT, LossyImageCompression="00")).facts.is_lossy
    smooth = np.add.outer(np.arange(16), np.arange(24)).astype(np.uint8)
    dataset = dicom_dataset(smooth)
    dataset.PixelData = encapsulate([imagecodecs.jpeg8_encode(smooth, level=95)])
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    decoded = decode_file(dicom_bytes(dataset))
    assert decoded.facts.is_lossy
    assert np.abs(decoded.pixels[..., 0].astype(int) - smooth).max() <= 3


def _without(name: str) -> Callable[[Dataset], None]:
    return lambda dataset: delattr(dataset, name)


def _giant(dataset: Dataset) -> None:
    dataset.Rows = dataset.Columns = 65_535


def _many_frames(dataset: Dataset) -> None:
    dataset.NumberOfFrames = 10**9


@pytest.mark.parametrize(
    "change",
    [_giant, _without("PixelData"), _without("Rows"), _without("BitsStored")],
)
def test_files_without_what_an_image_needs_are_named(change: Callable[[Dataset], None]) -> None:
    dataset = dicom_dataset(CT)
    change(dataset)
    with pytest.raises(UserError, match=r"truncated or damaged|too large"):
        decode(dicom_bytes(dataset))


def test_frames_that_are_not_there_are_named() -> None:
    dataset = dicom_dataset(CT)
    _many_frames(dataset)
    with pytest.raises(UserError, match="truncated or damaged"):
        decode(dicom_bytes(dataset), ReadOptions(volume_slice=VolumeSlice("z", 5, 10**9)))


def test_class_ids_are_not_inverted() -> None:
    data = dicom(CT, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(decode(data, ReadOptions(label_ids=True))[..., 0], CT)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"RescaleSlope": 2}, "states a rescale slope without a rescale intercept"),
        ({"RescaleIntercept": -1024}, "states a rescale intercept without a rescale slope"),
        ({"BitsStored": 12, "HighBit": 15}, "stores 12 bits with HighBit 15"),
    ],
)
def test_values_that_would_be_misread_are_refused(
    attributes: dict[str, float], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        decode(dicom(CT, **attributes))


@pytest.mark.parametrize(
    ("attributes", "states"),
    [({}, False), ({"RescaleSlope": 1, "RescaleIntercept": 0}, True)],
)
def test_it_is_told_whether_a_file_states_its_units(
    attributes: dict[str, float], states: bool
) -> None:
    assert decode_file(dicom(CT, **attributes)).facts.states_units == states
