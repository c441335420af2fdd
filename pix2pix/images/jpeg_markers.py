"""Find out whether all of a JPEG file is there, and whether it is of a kind that Pillow reads."""

import struct

from pix2pix.errors import UserError
from pix2pix.images.decoded import damaged

_JPEG_LS = 0xF7
# The markers of frame headers.
_JPEG_FRAMES = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {_JPEG_LS}
_JPEG_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF, _JPEG_LS)
_JPEG_SCAN = 0xDA  # the marker of the header that precedes the pixels
JPEG_END = b"\xff\xd9"
_JPEG_FILL = 0xFF  # any number of these bytes may precede a marker


def check_jpeg(data: bytes) -> None:
    """Raise UserError for JPEG files that Pillow cannot read, or not to their end.

    The former are of more than 8 bits or without loss, as the frame header says: ITU-T T.81, B.2.2.
    The latter have no marker of the end behind the header of the pixels. Compressed pixels cannot
    hold one, zeros do not either, and Pillow makes some picture of zeros without an error: copies
    that were interrupted, and disks that were repaired, fill files up with them.
    """
    first = 2  # behind the marker of the beginning
    while first + 5 <= len(data) and data[first] == 0xFF:
        marker, length = struct.unpack_from(">xBH", data, first)
        if marker == _JPEG_FILL:
            first += 1
            continue
        if marker in _JPEG_FRAMES:
            _check_jpeg_frame(marker, num_bits=data[first + 4])
        if marker == _JPEG_SCAN:
            if data.find(JPEG_END, first) < 0:
                raise damaged(UserError("its end is missing"))
            return
        first += 2 + length


def _check_jpeg_frame(marker: int, *, num_bits: int) -> None:
    if num_bits == 8 and marker not in _JPEG_LOSSLESS:
        return
    kind = "without loss" if marker in _JPEG_LOSSLESS else "with loss"
    raise UserError(
        f"is a JPEG file of {num_bits} bits {kind}, of a kind that is not read; convert it to PNG "
        "or TIFF"
    )
