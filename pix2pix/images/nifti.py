"""Decode NIfTI files (.nii, .nii.gz) by nibabel.

A volume is first turned so that its axes x, y and z grow towards the right, the front and the top
of the body (RAS+, `nibabel.as_closest_canonical`), because scanners store them in any order and
direction. The pixel in row r and column c of the slice z = k is the element [c, r, k] of the turned
volume; of x = k it is [k, c, r], and of y = k it is [c, k, r].
"""

import gzip
import io
import logging
import math
from typing import IO, Any

import numpy as np

from pix2pix.config import VolumeAxis
from pix2pix.errors import UserError
from pix2pix.images.decoded import (
    MAX_UNPACKED_BYTES,
    Decoded,
    FileFacts,
    SoundFileError,
    check_num_values,
    damage_named,
    damaged,
    too_large,
)
from pix2pix.images.extras import library
from pix2pix.images.options import ReadOptions

GZIP = b"\x1f\x8b"

_HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348
AXES: tuple[VolumeAxis, ...] = ("x", "y", "z")


def is_nifti(data: bytes) -> bool:
    """Whether the content is a NIfTI-1 or NIfTI-2 file that holds both header and values."""
    return data[344:348] == b"n+1\0" or data[4:8] == b"n+2\0"


def unpack_nifti(data: bytes) -> bytes:
    """Unpack a .nii.gz file.

    Raises UserError, before memory is allocated, if it is larger than a volume may be.
    """
    with damage_named(*_errors()), gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        head = _read_head(file)
        needed = _num_bytes(_header(head))
        if needed > MAX_UNPACKED_BYTES:
            raise too_large(f"{needed} bytes", str(MAX_UNPACKED_BYTES))
        rest = file.read(needed - len(head))
        file.read(1)  # the check sum follows the last byte, and is compared only by reading on
        return head + rest


def decode_nifti(data: bytes, options: ReadOptions) -> Decoded:
    """Decode one slice of a NIfTI file as `decode.decode_file` does; a fourth axis is channels.

    Values are scaled by the slope and the intercept of the header. Raises UserError.
    """
    with damage_named(*_errors()):
        return _decode(data, options)


def _decode(data: bytes, options: ReadOptions) -> Decoded:
    header = _header(data[:_HEADER_BYTES])
    if _num_bytes(header) > len(data):
        raise damaged(UserError(f"its header states the shape {header.get_data_shape()}"))
    image = image_of(data)
    if header.get_data_dtype().names is not None:
        raise UserError("holds RGB voxels; store colours along a fourth axis")
    shape = tuple(image.shape)
    if len(shape) not in (2, 3, 4):
        raise UserError(f"holds an array of shape {shape}; store x, y, z and channels only")
    axis, index = _position(image, options)
    num_values = math.prod(length for place, length in enumerate(shape) if place != axis)
    check_num_values(num_values, f"the shape {shape}")
    facts = FileFacts(file_format="NIfTI", affine=tuple(image.affine.ravel().tolist()))
    return Decoded(_plane(image, axis, index), facts)


def nifti_length(file: IO[bytes] | gzip.GzipFile, axis: VolumeAxis) -> int | None:
    """The number of slices along an axis, None for a single image. `file` may be unpacked gzip.

    Raises UserError if it is no NIfTI file, or damaged.
    """
    with damage_named(*_errors()):
        header = _header(_read_head(file))
        shape = header.get_data_shape()
        return int(_turned_shape(header, shape)[AXES.index(axis)]) if len(shape) > 2 else None


def _read_head(file: IO[bytes] | gzip.GzipFile) -> bytes:
    head = file.read(_HEADER_BYTES)
    if not is_nifti(head):
        raise SoundFileError("is no NIfTI file, which alone may be packed with gzip; unpack it")
    return head


def nibabel_module() -> Any:
    """Import nibabel. Raises UserError if it is not installed."""
    nibabel = library("nibabel", file_kind="a NIfTI", extra="medical")
    # nibabel logs what is wrong with a damaged header, and raises an exception with it as well.
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    return nibabel


def image_of(data: bytes) -> Any:
    """The image of nibabel of a file's unpacked content. Raises what nibabel raises."""
    return _image_class(data).from_bytes(data)


def _image_class(data: bytes) -> Any:
    """The class of nibabel for a file's version of NIfTI."""
    nibabel = nibabel_module()
    return nibabel.Nifti1Image if data[344:348] == b"n+1\0" else nibabel.Nifti2Image


def _errors() -> tuple[type[Exception], ...]:
    """What nibabel raises on damaged files beside `DAMAGED`."""
    nibabel = nibabel_module()
    return (
        nibabel.wrapstruct.WrapStructError,
        nibabel.spatialimages.HeaderDataError,
        nibabel.spatialimages.ImageDataError,
    )


def _header(head: bytes) -> Any:
    kind = _image_class(head).header_class
    return kind(head[: kind.template_dtype.itemsize], check=False)


def _num_bytes(header: Any) -> int:
    """The size of the file that a header describes; a hostile header can state any size."""
    shape = [max(0, int(length)) for length in header.get_data_shape()]
    size: int = header.get_data_dtype().itemsize * math.prod(shape)
    return int(header.get_data_offset()) + size


def _position(image: Any, options: ReadOptions) -> tuple[int, int]:
    """The axis (0, 1, 2 for x, y, z of the turned volume) and the index of the slice to read."""
    if options.volume_slice is not None:
        return AXES.index(options.volume_slice.axis), options.volume_slice.index
    lengths = _turned_shape(image.header, image.shape)
    if 1 not in lengths:
        stated = "x".join(map(str, image.shape))
        raise UserError(
            f"holds a volume of {stated}; set slices of the side, as in slices: z",
            for_sender=f"holds a volume of {stated}, and the model takes single images; store each "
            "slice in a file",
        )
    return max(axis for axis in range(3) if lengths[axis] == 1), 0


def _turned_shape(header: Any, shape: tuple[int, ...]) -> list[int]:
    """The lengths of x, y and z after the volume was turned."""
    lengths = [*shape[:3], 1][:3]
    turn = turn_of(header)
    return [lengths[int(np.flatnonzero(turn[:, 0] == axis)[0])] for axis in range(3)]


def turn_of(header: Any) -> np.ndarray:
    """For each stored axis its turned axis and its direction, 1 or -1: (3, 2).

    Raises ValueError if the header is damaged.
    """
    nibabel = nibabel_module()
    affine = header.get_best_affine()
    if not np.isfinite(affine).all():
        raise ValueError("its affine has numbers that are not finite")
    turn: np.ndarray = nibabel.io_orientation(affine)
    if np.isnan(turn).any():  # the affine is singular, and says nothing of the directions
        return np.array([[0, 1], [1, 1], [2, 1]])
    return turn


def _plane(image: Any, axis: int, index: int) -> np.ndarray:
    """Read one slice: (H, W) or (H, W, C). Only the values of the slice are read and scaled."""
    nibabel = nibabel_module()
    turn = turn_of(image.header)
    place = int(np.flatnonzero(turn[:, 0] == axis)[0])
    selection: list[Any] = [slice(None)] * len(image.shape)
    if place < len(selection):
        length = image.shape[place]
        index = index if turn[place, 1] > 0 else length - 1 - index
        selection[place] = slice(index, index + 1)
    values = np.asarray(image.dataobj[tuple(selection)])
    if values.ndim == 2:
        values = values[..., None]
    turned = nibabel.apply_orientation(values, turn)
    return np.swapaxes(turned.take(0, axis=axis), 0, 1)
