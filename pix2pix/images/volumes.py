"""Volumes: files of which each slice is an image, as `SideConfig.slices` says."""

import gzip
import os
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO, get_args

from pix2pix.config import Side, VolumeAxis
from pix2pix.errors import UserError
from pix2pix.images.decode import unpacked
from pix2pix.images.decoded import too_large
from pix2pix.images.dicom import dicom_length, is_dicom
from pix2pix.images.nifti import GZIP, is_nifti, nifti_length
from pix2pix.images.numpy_files import NPY, NPZ, npy_length, npz_length
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.images.tiff import TIFF, tiff_length
from pix2pix.special_files import open_plain, read_plain

_HEAD_BYTES = 600  # enough to recognise each format
_MAX_SLICES = 2**16  # a header that states more is most likely damaged or hostile
_NUM_KEPT = 4  # both sides of the volume that is read, and of the next one


def selected_slices(path: Path, side: Side) -> list[VolumeSlice] | None:
    """The slices of a file that `side.slices` selects; None if the file is to be read as one image.

    Only the header is read. Raises UserError, whose message does not name the file, if the file is
    damaged, or if no slice is selected.
    """
    if side.slices is None:
        return None
    axis, bounds = _parsed(side.slices)
    with open_plain(path) as file:
        length = _length(file, axis, side.array_key)
    if length is None:
        return None
    if length > _MAX_SLICES:
        raise too_large(f"{length} slices", str(_MAX_SLICES))
    chosen = [VolumeSlice(axis, index, length) for index in range(length)[bounds]]
    if not chosen:
        raise UserError(f"has {length} slices, of which slices: {side.slices} selects none")
    return chosen


def _parsed(rule: str) -> tuple[VolumeAxis, slice]:
    """The axis and the bounds of a rule such as "z" or "z[10:-10:2]"."""
    (axis,) = (each for each in get_args(VolumeAxis) if rule.startswith(each))
    parts = rule[2:-1].split(":") if rule[1:] else ["", ""]
    return axis, slice(*(int(part) if part else None for part in parts))


def _length(file: IO[bytes], axis: VolumeAxis, array_key: str | None) -> int | None:
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as unpacked_file:
            return nifti_length(unpacked_file, axis)
    if is_nifti(head):
        return nifti_length(file, axis)
    if axis != "z":
        raise UserError(f"is no NIfTI file: slices can only be z, got {axis}")
    if head.startswith(TIFF):
        return tiff_length(file)
    if head.startswith(NPY):
        return npy_length(file)
    if head.startswith(NPZ):
        return npz_length(file, array_key)
    return dicom_length(file) if is_dicom(head) else None


def file_content(path: Path, options: ReadOptions) -> bytes:
    """The content of a file for `decode_file`; volumes are unpacked, and kept for the next slice.

    Raises UserError, whose message does not name the file, or OSError.
    """
    if options.volume_slice is None:
        return read_plain(path)
    with _lock:
        status = os.stat(path)
        return _unpacked(path, options.array_key, status.st_mtime_ns, status.st_size)


_lock = Lock()  # two threads would unpack the same volume at a time


@lru_cache(_NUM_KEPT)
def _unpacked(path: Path, array_key: str | None, _changed_ns: int, _num_bytes: int) -> bytes:
    return unpacked(read_plain(path), array_key, is_stack=True)
