"""Decode DICOM files by pydicom: grey or RGB, with rescale slope and intercept applied.

A Modality LUT or a rescale other than slope 1 and intercept 0 gives float32 values in the units of
the device, such as Hounsfield units; other files keep their stored integers. MONOCHROME1 stores
black as the highest value: such images are inverted within their stored bits, so that brighter is
higher as in all other formats. With a rescale they are refused, because an inverted measurement is
none.
"""

import io
import logging
from textwrap import shorten
from typing import IO, Any

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.decoded import Decoded, FileFacts, check_size, damage_named, from_bits
from pix2pix.images.dicom_codecs import register
from pix2pix.images.extras import library
from pix2pix.images.options import ReadOptions
from pix2pix.images.silence import silence

_DEFLATED = b"1.2.840.10008.1.2.1.99"  # the transfer syntax that the head of a file states
_META_BYTES = 4096
# JPEG Baseline and Extended, JPEG-LS Near-Lossless, and JPEG 2000 that may be lossy.
_LOSSY = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 91))
_GREY = ("MONOCHROME1", "MONOCHROME2")
_CONVERTED = ("YBR_FULL", "YBR_FULL_422")  # by pydicom to RGB
_JPEG_2000_COLOURS = ("YBR_RCT", "YBR_ICT")


def is_dicom(data: bytes) -> bool:
    """Whether the content is a DICOM file with its preamble."""
    return data[128:132] == b"DICM"


def decode_dicom(data: bytes, options: ReadOptions) -> Decoded:
    """Decode one frame of a DICOM file as `decode.decode_file` does. Raises UserError."""
    pydicom = _pydicom()
    _refuse_deflated(data[:_META_BYTES])
    with damage_named(*_errors(pydicom)):
        dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
        return _decode(data, dataset, options)


def dicom_length(file: IO[bytes]) -> int | None:
    """The number of frames, None for a single image. Raises UserError."""
    pydicom = _pydicom()
    _refuse_deflated(file.read(_META_BYTES))
    file.seek(0)
    with damage_named(*_errors(pydicom)):
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        _check_size(dataset)  # in a truncated file, the size may be missing
        num_frames = _num_frames(dataset)
    return num_frames if num_frames > 1 else None


def _refuse_deflated(head: bytes) -> None:
    """Raise UserError for a file that is compressed as a whole, which pydicom unpacks unbounded."""
    if _DEFLATED in head:
        raise UserError(
            "is a deflated DICOM file; unpack it, as with `dcmconv --write-xfer-little IN OUT`"
        )


def _pydicom() -> Any:
    pydicom = library("pydicom", file_kind="a DICOM", extra="medical")
    # pydicom warns of and logs whatever breaks a rule of the standard, as files of many devices do.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    silence(r"pydicom\.")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    return pydicom


def _errors(pydicom: Any) -> tuple[type[Exception], ...]:
    """What pydicom raises on damaged files beside `DAMAGED`."""
    return pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException


def _decode(data: bytes, dataset: Any, options: ReadOptions) -> Decoded:
    num_frames = _num_frames(dataset)
    if num_frames > 1 and options.volume_slice is None:
        raise UserError(
            f"holds {num_frames} frames; set slices of the side, as in slices: z",
            for_sender=f"holds {num_frames} frames, and the model takes single images; store each "
            "frame in a file",
        )
    frame = 0 if options.volume_slice is None else options.volume_slice.index
    _check_decoder(dataset)
    _check_size(dataset)
    _check_bits(dataset)
    module = library("pydicom.pixels", file_kind="a DICOM", extra="medical")
    stored = module.pixel_array(io.BytesIO(data), index=frame)  # reads this frame only
    if dataset.BitsAllocated == 1:
        stored = stored.astype(np.bool_)
    pixels = _rescaled(stored, dataset, frame)
    if not options.label_ids:  # class ids have no brightness
        pixels = _upright_values(pixels, dataset, stored)
    facts = FileFacts(
        file_format="DICOM",
        is_lossy=_is_lossy(dataset),
        states_units="ModalityLUTSequence" in dataset or _rescale(dataset, frame) is not None,
    )
    return Decoded(from_bits(pixels, label_ids=options.label_ids), facts)


def _is_lossy(dataset: Any) -> bool:
    """Whether the pixels are, or once were, compressed with loss."""
    was_lossy = str(dataset.get("LossyImageCompression", "")) == "01"
    return was_lossy or dataset.file_meta.TransferSyntaxUID in _LOSSY


def _num_frames(dataset: Any) -> int:
    return int(dataset.get("NumberOfFrames", None) or 1)


def _check_size(dataset: Any) -> None:
    check_size(dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)


def _check_bits(dataset: Any) -> None:
    """Raise UserError if the values are not in the lowest bits, where pydicom looks for them."""
    num_bits, high_bit = dataset.get("BitsStored"), dataset.get("HighBit")
    if None not in (num_bits, high_bit) and high_bit != num_bits - 1:  # floats have neither
        raise UserError(
            f"stores {num_bits} bits with HighBit {high_bit}, as old scanners did; write it again "
            f"with the values in the lowest bits and HighBit {num_bits - 1}"
        )


def _check_decoder(dataset: Any) -> None:
    """Raise UserError unless the pixels can be decoded: their compression and their colours."""
    pixels = library("pydicom.pixels", file_kind="a DICOM", extra="medical")
    register(pixels)
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        can_decode = pixels.get_decoder(syntax).is_available
    except NotImplementedError:
        can_decode = False
    if not can_decode:
        raise UserError(
            f"is a DICOM file compressed as {syntax.name}, for which no decoder is installed; "
            "decompress it, as with `gdcmconv --raw IN OUT`, or install the package python-gdcm"
        )
    _check_colours(dataset)


def _check_colours(dataset: Any) -> None:
    """Raise UserError for colours that would be taken for RGB without being converted to it.

    pydicom converts YBR_FULL, but as if it always had 8 bits. The decoders of JPEG 2000 undo the
    transforms of this format.
    """
    uid = library("pydicom.uid", file_kind="a DICOM", extra="medical")
    colours = dataset.PhotometricInterpretation
    is_jpeg_2000 = dataset.file_meta.TransferSyntaxUID in uid.JPEG2000TransferSyntaxes
    if colours in (*_GREY, "RGB") or (colours in _JPEG_2000_COLOURS and is_jpeg_2000):
        return
    if colours not in _CONVERTED:
        stated = shorten(str(colours), 60, placeholder=" ...")  # a damaged file states anything
        raise UserError(f"has {stated} colours; convert it to MONOCHROME2 or RGB")
    if dataset.BitsAllocated != 8:
        raise UserError(f"has {colours} colours of {dataset.BitsAllocated} bits; convert it to RGB")


def _rescaled(pixels: np.ndarray, dataset: Any, frame: int) -> np.ndarray:
    """Apply the Modality LUT, or the rescale slope and intercept of the file or of the frame."""
    if "ModalityLUTSequence" in dataset:
        module = library("pydicom.pixels", file_kind="a DICOM", extra="medical")
        converted: np.ndarray = module.apply_modality_lut(pixels, dataset)
        return converted.astype(np.float64)
    slope, intercept = _rescale(dataset, frame) or (1.0, 0.0)
    if (slope, intercept) == (1.0, 0.0):
        return pixels
    return pixels.astype(np.float64) * slope + intercept


def _rescale(dataset: Any, frame: int) -> tuple[float, float] | None:
    """The slope and intercept of a frame, None if the file states neither.

    Enhanced CT and MR store them for each frame, or for all frames. Raises UserError if only one
    of the two is stated.
    """
    groups = [
        *dataset.get("PerFrameFunctionalGroupsSequence", [])[frame : frame + 1],
        *dataset.get("SharedFunctionalGroupsSequence", []),
    ]
    key = "PixelValueTransformationSequence"
    nested = [item for group in groups for item in group.get(key, [])]
    for candidate in (*nested, dataset):
        slope, intercept = (candidate.get(f"Rescale{name}") for name in ("Slope", "Intercept"))
        if slope is not None and intercept is not None:
            return float(slope), float(intercept)
        if slope is not None or intercept is not None:
            stated, missing = "slope", "intercept"
            if slope is None:
                stated, missing = missing, stated
            raise UserError(f"states a rescale {stated} without a rescale {missing}; add it")
    return None


def _upright_values(rescaled: np.ndarray, dataset: Any, stored: np.ndarray) -> np.ndarray:
    """Invert MONOCHROME1; other images are returned unchanged."""
    if dataset.PhotometricInterpretation != "MONOCHROME1":
        return rescaled
    if rescaled is not stored or stored.dtype.kind != "u":
        raise UserError(
            "is a MONOCHROME1 file (black is high) of rescaled or signed values, which cannot be "
            "inverted without changing what they measure; convert it to MONOCHROME2"
        )
    top = stored.dtype.type(2 ** int(dataset.BitsStored) - 1)
    inverted: np.ndarray = top - stored
    return inverted
