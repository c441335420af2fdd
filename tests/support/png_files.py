"""PNG files of any header and content, chunk by chunk."""

import struct
import zlib

import numpy as np


def png_file(
    height: int,
    width: int,
    packed: bytes,
    *,
    depth: int = 8,
    colour_type: int = 0,
    is_interlaced: bool = False,
    others: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    """A PNG file whose pixels are `packed` by zlib, with other chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, is_interlaced)
    chunks = ((b"IHDR", header), *others, (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def grey_png(values: np.ndarray, *, depth: int) -> bytes:
    """A grey PNG file of 1 to 8 bits for each of the values (H, W), which no library writes."""
    planes = np.unpackbits(values.astype(np.uint8)[..., None], axis=2)[..., -depth:]
    rows = np.packbits(planes.reshape(len(values), -1), axis=1)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return png_file(*values.shape, packed, depth=depth)


def with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG file with a further chunk right behind the header."""
    return png[:33] + _chunk(kind, content) + png[33:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
