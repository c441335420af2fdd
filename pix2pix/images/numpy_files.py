"""Decode NPY files, the files of `np.save`, and unpack NPZ files to them."""

import io
import lzma
import math
import zipfile
import zlib
from typing import IO, NamedTuple

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.decoded import (
    DAMAGED,
    MAX_UNPACKED_BYTES,
    Decoded,
    FileFacts,
    SoundFileError,
    check_num_values,
    damage_named,
    damaged,
    from_bits,
    too_large,
)
from pix2pix.images.names import first_names
from pix2pix.images.options import ReadOptions

NPY = b"\x93NUMPY"
NPZ = (b"PK\x03\x04", b"PK\x05\x06")  # with entries, and without

_ENCRYPTED = 1  # a flag of an entry
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ZIP_ERRORS = (zipfile.BadZipFile, lzma.LZMAError)


class _Header(NamedTuple):
    """What precedes the values of an NPY file; `first` is the position of the first value."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype
    first: int

    @property
    def num_values(self) -> int:
        """The number of values; a hostile shape may state more than numpy's integers can hold."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """The size of the values in bytes."""
        return self.num_values * self.dtype.itemsize


def decode_npy(data: bytes, options: ReadOptions) -> Decoded:
    """Decode an NPY file as `decode.decode_file` does. Raises UserError."""
    header = _read_header(io.BytesIO(data))
    _check_size(header, is_stack=options.volume_slice is not None)
    if header.first + header.num_bytes > len(data):
        raise damaged(UserError(f"its header states the shape {header.shape}"))
    with damage_named():
        flat = np.frombuffer(data, header.dtype, header.num_values, header.first)
        pixels = flat.reshape(header.shape, order="F" if header.is_fortran else "C")
        if options.volume_slice is not None:
            pixels = pixels[options.volume_slice.index]
    if options.axes == "CHW" and pixels.ndim == 3:
        pixels = pixels.transpose(1, 2, 0)
    pixels = from_bits(pixels, label_ids=options.label_ids)
    return Decoded(pixels, FileFacts(file_format="NPY"))


def npy_length(file: IO[bytes]) -> int | None:
    """The number of slices of a stack, (slices, H, W) or with channels; None for one image."""
    shape = _read_header(file).shape
    return shape[0] if len(shape) in (3, 4) else None


def npz_length(file: IO[bytes], array_key: str | None) -> int | None:
    """The number of slices of a stack in an NPZ file, see `npy_length`. Raises UserError."""
    with (
        damage_named(*_ZIP_ERRORS),
        zipfile.ZipFile(file) as archive,
        archive.open(_entry(archive, array_key)) as member,
    ):
        return npy_length(member)


def unpack_npz(data: bytes, array_key: str | None, *, is_stack: bool) -> bytes:
    """The NPY file that an NPZ file holds under `array_key`, or as its only array.

    Raises UserError, before memory is allocated, if it is larger than an image may be.
    """
    with damage_named(*_ZIP_ERRORS), zipfile.ZipFile(io.BytesIO(data)) as archive:
        entry = _entry(archive, array_key)
        with archive.open(entry) as member:
            header = _read_header(member)
        _check_size(header, is_stack=is_stack)
        unpacked_bytes = max(entry.file_size, header.num_bytes)
        if unpacked_bytes > MAX_UNPACKED_BYTES:
            raise too_large(f"{unpacked_bytes} bytes", str(MAX_UNPACKED_BYTES))
        return archive.read(entry)


def _entry(archive: zipfile.ZipFile, array_key: str | None) -> zipfile.ZipInfo:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    names = first_names(sorted(entries)) or "none"
    if array_key is None:
        if len(entries) != 1:
            raise UserError(
                f"holds {len(entries)} arrays ({names}); set array_key of the side to the one to "
                "read",
                for_sender=f"holds {len(entries)} arrays ({names}), and the model takes files of "
                "one; store it alone",
            )
        return _readable(next(iter(entries.values())))
    if array_key not in entries:
        fault = f"holds no array {array_key!r}, its arrays are {names}"
        raise UserError(f"{fault}; correct array_key", for_sender=f"{fault}; give it that name")
    return _readable(entries[array_key])


def _readable(entry: zipfile.ZipInfo) -> zipfile.ZipInfo:
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _PACKINGS:
        raise SoundFileError(
            "is encrypted or packed in a way that is not read; save it again with "
            "numpy.savez_compressed"
        )
    return entry


def _check_size(header: _Header, *, is_stack: bool) -> None:
    """Raise UserError if the image, or each slice of the stack, is too large to be read."""
    shape = header.shape[1:] if is_stack else header.shape
    check_num_values(math.prod(shape), f"the shape {header.shape}")


def _read_header(file: IO[bytes]) -> _Header:
    """Read the header of an NPY file. Raises UserError for anything but plain numbers."""
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read(file)
        if dtype.hasobject or dtype.fields is not None or min(shape, default=0) < 0:
            raise ValueError(f"it holds {dtype} of shape {shape}")
    except (*_ZIP_ERRORS, zlib.error) as error:  # of the NPZ file around it
        raise damaged(error) from None
    except DAMAGED as error:
        raise UserError(
            f"is no plain array ({error}); write it with np.save, without Python objects"
        ) from None
    return _Header(tuple(map(int, shape)), is_fortran, dtype, file.tell())
