"""Find out whether all of a PNG file is there.

Decoders do not say surely whether it is whole: they accept a file without its last chunk and rows
that are missing, and print messages about damaged chunks to the console.
"""

import struct
import zlib
from collections.abc import Iterator

from pix2pix.errors import UserError

PNG = b"\x89PNG\r\n\x1a\n"
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the colour type

# The first column and row, and the steps, of the passes of an interlaced file: ISO/IEC 15948, 8.2.
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_WHOLE = ((0, 0, 1, 1),)
_PIXEL_CHUNKS = (b"IHDR", b"IDAT", b"IEND")
_PIECE_BYTES = 2**20


def check_chunks(data: bytes) -> set[bytes]:
    """Return the kinds of the chunks of a PNG file.

    Raises UserError if a check sum is wrong, struct.error if the file ends before its IEND chunk.
    """
    kinds = set()
    for kind, chunk in _chunks(data):
        if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]):
            raise UserError("a check sum is wrong")
        kinds.add(kind)
    return kinds


def chunk_content(data: bytes, wanted: bytes) -> bytes | None:
    """The content of a chunk before the pixels of a file with sound chunks; None without one."""
    for kind, chunk in _chunks(data):
        if kind == wanted:
            return bytes(chunk[8:-4])
        if kind == b"IDAT":
            return None
    return None


def pixel_chunks(data: bytes) -> bytes:
    """A file of 16 bits with sound chunks without those that no value of a pixel depends on.

    libpng writes to the console what it finds wrong in them, without the name of the file.
    """
    return PNG + b"".join(chunk for kind, chunk in _chunks(data) if kind in _PIXEL_CHUNKS)


def check_rows(data: bytes) -> None:
    """Raise UserError if the pixels of a file with sound chunks unpack to fewer rows than stated.

    This unpacks the pixels once more. Raises zlib.error if they cannot be unpacked.
    """
    missing, unpacker = _num_unpacked_bytes(data), zlib.decompressobj()
    for kind, chunk in _chunks(data):
        packed = bytes(chunk[8:-4]) if kind == b"IDAT" else b""
        while packed and missing > 0:  # in pieces, as they may unpack to far more than is stated
            missing -= len(unpacker.decompress(packed, _PIECE_BYTES))
            packed = unpacker.unconsumed_tail
    if missing > 0:
        raise UserError("rows are missing at its end")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The kind of each chunk, and the chunk: its length (4 bytes), kind, content and check sum.

    Raises struct.error if the file ends before its IEND chunk.
    """
    first, kind = len(PNG), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, first)
        last = first + 12 + length
        struct.unpack_from("4s", data, last - 4)  # the check sum has to be there
        yield kind, memoryview(data)[first:last]
        first = last


def _num_unpacked_bytes(data: bytes) -> int:
    """The bytes of all rows of a file before they are packed, as its header states them."""
    width, height, depth, colour_type, _, _, is_interlaced = struct.unpack_from(
        ">IIBBBBB", data, 16
    )
    bits, total = depth * PNG_CHANNELS[colour_type], 0
    for column, row, columns, rows in _PASSES if is_interlaced else _WHOLE:
        num_columns, num_rows = -(-(width - column) // columns), -(-(height - row) // rows)
        if num_columns > 0 and num_rows > 0:
            total += num_rows * (1 + (num_columns * bits + 7) // 8)
    return total
