"""Decode the bytes of an image file to pixel values, without loss.

The format is recognised by the content, not by the file's suffix. OpenCV is used for interlaced PNG
files of 16 bits only: it returns the readable part of a truncated file without an error, and its
native code writes messages to the console that Python cannot catch.
"""

from dataclasses import replace

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.decoded import WHOLE_FILE, Decoded
from pix2pix.images.dicom import decode_dicom, is_dicom
from pix2pix.images.exr import EXR, decode_exr
from pix2pix.images.nifti import GZIP, decode_nifti, is_nifti, unpack_nifti
from pix2pix.images.nodata import measured
from pix2pix.images.numpy_files import NPY, NPZ, decode_npy, unpack_npz
from pix2pix.images.options import AS_STORED, ReadOptions
from pix2pix.images.pictures import decode_picture
from pix2pix.images.stored import stored_pixels
from pix2pix.images.tiff import TIFF, decode_tiff
from pix2pix.images.tiff_scaling import measured_values
from pix2pix.images.validity import filled

FORMATS = "PNG, JPEG, TIFF, WEBP, BMP, GIF, NPY, NPZ, OpenEXR, DICOM or NIfTI"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def decode(data: bytes, options: ReadOptions = AS_STORED) -> np.ndarray:
    """Return only the pixels (H, W, C) of `decode_file`. Raises UserError as it does."""
    return decode_file(data, options).pixels


class OddWidthError(UserError):
    """An image has no two halves of equal width."""


def decode_file(data: bytes, options: ReadOptions = AS_STORED) -> Decoded:
    """Decode an image file: its pixels and the facts that the file states about them.

    Pixels are (H, W, C) uint8, uint16 or float32, see `stored`, channels in RGB(A) order, rotated
    upright as the EXIF orientation says. Of an animation, only the first frame is decoded. Palette
    indices become colours and one-bit pixels become 0 and 255, unless `options.label_ids` is set.

    With `options.nodata`, the result says which pixels have a value.

    Raises UserError if the file is damaged, is no image, or has an unsupported kind of pixels. The
    message says what to do but does not name the file; the caller adds the name.
    """
    decoded = _decoded(data, options)
    return _completed(decoded, options)


def decode_halves(data: bytes, left: ReadOptions, right: ReadOptions) -> tuple[Decoded, Decoded]:
    """Decode a file as `decode_file` does, and cut it into a left and a right half of equal width.

    The options may differ in `nodata` and `value_range`. Raises UserError as `decode_file` does,
    and OddWidthError if there are no equal halves.
    """
    if right.nodata == "file":  # else the value that the file states would not be read
        whole = _decoded(data, replace(left, nodata="file"))
    else:
        whole = _decoded(data, left)
    width = whole.pixels.shape[1] if whole.pixels.ndim > 1 else 1
    if width % 2:
        raise OddWidthError(f"{width} px wide: no two equal halves A|B")
    half = width // 2
    first = _completed(_columns(whole, slice(half)), left)
    return first, _completed(_columns(whole, slice(half, None)), right)


def _columns(whole: Decoded, columns: slice) -> Decoded:
    """A part of an image, as a copy."""
    valid = None if whole.valid is None else whole.valid[:, columns]
    return Decoded(np.ascontiguousarray(whole.pixels[:, columns]), whole.facts, valid)


def _decoded(data: bytes, options: ReadOptions) -> Decoded:
    """The pixels of a file in its own dtype, without its scale and offset, and its mask."""
    if not data:
        raise UserError(f"is an empty file; {WHOLE_FILE}")
    is_stack = options.volume_slice is not None
    decoded = _decode_any(unpacked(data, options.array_key, is_stack=is_stack), options)
    dtype = decoded.pixels.dtype.name if decoded.facts.scaling is None else "float64"
    return replace(decoded, facts=replace(decoded.facts, dtype=dtype))


def _completed(decoded: Decoded, options: ReadOptions) -> Decoded:
    """Find the pixels without a value, and convert the others to the dtype of stored pixels.

    What marks the former is a stored value, so it is looked for before the scale is applied.
    """
    pixels, facts = decoded.pixels, decoded.facts
    valid = measured(
        pixels, options.nodata, facts, value_range=options.value_range, mask=decoded.valid
    )
    if facts.scaling is not None:
        pixels = measured_values(pixels, facts.scaling)
    stored = stored_pixels(filled(pixels, valid, 0), label_ids=options.label_ids)
    return Decoded(stored, facts, valid)


def unpacked(data: bytes, array_key: str | None, *, is_stack: bool) -> bytes:
    """Unpack a file that is compressed as a whole: NPZ to NPY, .nii.gz to .nii.

    `is_stack` says whether an array holds slices, each of which may be as large as an image. Other
    content is returned unchanged. Raises UserError.
    """
    if data.startswith(NPZ):
        return unpack_npz(data, array_key, is_stack=is_stack)
    if data.startswith(GZIP):
        return unpack_nifti(data)
    return data


def _decode_any(data: bytes, options: ReadOptions) -> Decoded:
    if data.startswith(TIFF):
        return decode_tiff(data, options)
    if data.startswith(NPY):
        return decode_npy(data, options)
    if data.startswith(EXR):
        return decode_exr(data, options)
    if is_dicom(data):
        return decode_dicom(data, options)
    if is_nifti(data):
        return decode_nifti(data, options)
    picture = decode_picture(data, label_ids=options.label_ids)
    if picture is not None:
        return picture
    if data.startswith(_LFS_POINTER):
        raise UserError(
            "is no image but a pointer of Git LFS; run `git lfs pull` where it was cloned"
        )
    raise UserError(
        f"is no {FORMATS} file, whatever its name says (it begins {data[:8]!r}); "
        "convert it or take it away"
    )
