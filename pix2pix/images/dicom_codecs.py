"""Decode JPEG Lossless and JPEG-LS inside of DICOM files, which pydicom itself cannot.

Scanners compress CT and MR with these. pydicom calls this module as a plugin: `is_available`,
`DECODER_DEPENDENCIES` and the signature of `decode_frame` are as its plugins need them.
"""

import struct
from threading import Lock
from typing import Any

import imagecodecs

_JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_FRAME_HEADERS = (0xC3, 0xF7)  # the markers of JPEG Lossless and JPEG-LS that precede the size

DECODER_DEPENDENCIES = dict.fromkeys((*_JPEG_LOSSLESS, *_JPEG_LS), ("imagecodecs",))

_LABEL = "imagecodecs"
_lock = Lock()


def register(pixels: Any) -> None:
    """Make pydicom use this module; `pixels` is the module `pydicom.pixels`."""
    with _lock:
        for syntax in DECODER_DEPENDENCIES:
            decoder = pixels.get_decoder(syntax)
            if _LABEL not in decoder.available_plugins:
                decoder.add_plugin(_LABEL, (__name__, "decode_frame"))


def is_available(syntax: str) -> bool:
    """Whether a transfer syntax can be decoded."""
    return syntax in DECODER_DEPENDENCIES


def decode_frame(data: bytes, runner: Any) -> bytes:
    """Decode one frame. Raises ValueError if its size is not that of the DICOM header.

    The size is compared first, because decoding allocates what the frame states.
    """
    stated, expected = _size(data), (runner.rows, runner.columns)
    if stated != expected:
        raise ValueError(f"a frame has {stated} rows and columns, the file states {expected}")
    is_ls = runner.transfer_syntax in _JPEG_LS
    pixels = imagecodecs.jpegls_decode(data) if is_ls else imagecodecs.jpegsof3_decode(data)
    runner.set_option("bits_allocated", 8 * pixels.itemsize)
    runner.set_option("planar_configuration", 0)
    return bytes(pixels.tobytes())


def _size(data: bytes) -> tuple[int, int]:
    """The rows and columns that the header of a frame states. Raises struct.error."""
    first = 2
    while True:
        mark, kind, length = struct.unpack_from(">BBH", data, first)
        if mark != 0xFF:
            raise ValueError("a frame has no header")
        if kind in _FRAME_HEADERS:
            rows, columns = struct.unpack_from(">HH", data, first + 5)
            return rows, columns
        first += 2 + length
