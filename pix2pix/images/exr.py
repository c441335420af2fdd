"""Decode OpenEXR files by the library of its authors.

Colours are R, G, B and A, or Y for grey. Colours of OpenEXR are multiplied by their alpha, and are
divided by it here.
"""

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.alpha import unpremultiplied
from pix2pix.images.decoded import (
    DAMAGED,
    Decoded,
    FileFacts,
    SoundFileError,
    check_size,
    damaged,
)
from pix2pix.images.extras import library
from pix2pix.images.names import first_names
from pix2pix.images.options import ReadOptions

EXR = b"\x76\x2f\x31\x01"

_TILED = 0x200  # flags in the version of a file
_DEEP = 0x800
_MULTIPART = 0x1000
# The lines of pixels in a block of a file, by its compression.
_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
# Which dtypes a compression changes.
_LOSSY = {
    "PXR24_COMPRESSION": ("float32",),
    "B44_COMPRESSION": ("float16",),
    "B44A_COMPRESSION": ("float16",),
    "DWAA_COMPRESSION": ("float16", "float32"),
    "DWAB_COMPRESSION": ("float16", "float32"),
}


def decode_exr(data: bytes, options: ReadOptions) -> Decoded:
    """Decode an OpenEXR file as `decode.decode_file` does.

    `array_key` selects one channel, or the colours of one layer; without it, the colours outside of
    layers are read, or the only channel. Raises UserError.
    """
    module = library("OpenEXR", file_kind="an OpenEXR", extra="exr")
    try:
        _check_size(data)
        header = module.File(io.BytesIO(data), separate_channels=True, header_only=True).header()
        held = [channel.name for channel in header["channels"]]
        names = _selected(held, options.array_key)
        with module.File(io.BytesIO(data), separate_channels=True, num_threads=0) as file:
            channels = file.channels()
            pixels = np.stack([_plane(channels[name]) for name in names], axis=-1)
    except DAMAGED as error:
        raise damaged(error) from None
    has_alpha = len(names) in (2, 4) and names[-1].rpartition(".")[2] == "A"
    is_lossy = pixels.dtype.name in _LOSSY.get(header["compression"].name, ())
    pixels = unpremultiplied(pixels) if has_alpha else pixels
    unread = sorted(set(held) - set(names)) if options.array_key is None else []
    facts = FileFacts(
        file_format="OpenEXR",
        has_alpha=has_alpha,
        is_lossy=is_lossy,
        unread_channels=tuple(unread),
    )
    return Decoded(pixels, facts)


def _selected(names: Sequence[str], array_key: str | None) -> list[str]:
    """The channels to read, in the order of an image's channels."""
    chosen = _of_layer(names, array_key)
    if chosen is not None:
        return chosen
    listed = first_names(sorted(names), max_names=12)
    layers = {name.rpartition(".")[0] for name in names} - {""}
    readable = sorted(layer for layer in layers if _of_layer(names, layer) is not None)
    remedy = "set array_key of the side to one of them"
    if readable:
        remedy += f", or to a layer: {first_names(readable)}"
    raise SoundFileError(
        f"holds the channels {listed}; {remedy}",
        for_sender=f"holds the channels {listed}, which are not those of the training; store those "
        "alone",
    )


def _of_layer(names: Sequence[str], array_key: str | None) -> list[str] | None:
    """The only channel of a layer, or its colours; None if it has neither.

    Renderers write depth and others beside R, G and B, which are the picture then. Y is taken for
    brightness only if nothing stands beside it: with X and Z it is a direction.
    """
    layer = f"{array_key}." if array_key else ""
    chosen = [name for name in names if array_key in (None, name) or name.startswith(layer)]
    if len(chosen) == 1:
        return chosen
    ends = {name.removeprefix(layer) for name in chosen}
    is_picture = ends >= {"R", "G", "B"} or bool(ends and ends <= {"R", "G", "B", "A"})
    if not is_picture and not (ends and ends <= {"Y", "A"}):
        return None
    return [f"{layer}{end}" for end in ("RGBA" if is_picture else "YA") if end in ends]


def _plane(channel: Any) -> np.ndarray:
    if (channel.xSampling, channel.ySampling) != (1, 1):
        raise SoundFileError(f"stores channel {channel.name} at a lower resolution; write it again")
    plane: np.ndarray = channel.pixels
    return plane


def _check_size(data: bytes) -> None:
    """Raise UserError if the header states an impossible size, or if a line lies beyond the end.

    The library itself would allocate what the header states, and its native code writes messages
    about truncated files to the console.
    """
    attributes, first = _attributes(data)
    flags = struct.unpack_from("<I", data, 4)[0]
    if flags & (_MULTIPART | _DEEP):
        raise SoundFileError("holds several parts or deep pixels; store one flat part per file")
    left, top, right, bottom = struct.unpack("<4i", attributes[b"dataWindow"])
    if attributes[b"dataWindow"] != attributes[b"displayWindow"]:
        raise SoundFileError(
            f"stores {right - left + 1}x{bottom - top + 1} px (dataWindow), which are not those "
            "of its displayWindow; write it again with both alike"
        )
    height, width = bottom - top + 1, right - left + 1
    if min(height, width) < 1:
        raise UserError(f"its header states {width}x{height} pixels")
    check_size(height, width, _num_channels(attributes))
    lines = _LINES.get(attributes[b"compression"][0])
    if lines is not None and not flags & _TILED:
        num_chunks = -(-height // lines)
        for offset in struct.unpack_from(f"<{num_chunks}Q", data, first):
            _, size = struct.unpack_from("<iI", data, offset)
            if offset + 8 + size > len(data):
                raise UserError("its pixels end beyond the end of the file")


def _num_channels(attributes: Mapping[bytes, bytes]) -> int:
    """The number of channels in a list of names, each followed by 16 bytes about the channel."""
    listed, first, number = attributes[b"channels"], 0, 0
    while listed[first] != 0:
        first = listed.index(b"\0", first) + 17
        number += 1
    return number


def _attributes(data: bytes) -> tuple[dict[bytes, bytes], int]:
    """The attributes of the header by name, and the position after the header."""
    attributes, first = {}, 8
    while data[first : first + 1] != b"\0":
        name_end = data.index(b"\0", first)
        kind_end = data.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<I", data, kind_end + 1)
        value_first = kind_end + 5
        if value_first + size > len(data):
            raise UserError("its header ends beyond the end of the file")
        attributes[data[first:name_end]] = data[value_first : value_first + size]
        first = value_first + size
    return attributes, first + 1
