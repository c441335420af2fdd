"""Whether the EXIF data of a picture can be read, and with them how its pixels are turned."""

import struct

# Bytes of a value of each type; TIFF 6.0, section 2.
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}


def is_damaged(exif: bytes) -> bool:
    """Whether the first directory of EXIF data, which has the orientation, cannot be read whole."""
    data = exif.removeprefix(b"Exif\0\0")
    order = _BYTE_ORDERS.get(data[:2])
    if order is None:
        return True
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (num_tags,) = struct.unpack_from(f"{order}H", data, start)
        tags = [
            struct.unpack_from(f"{order}HHII", data, start + 2 + 12 * i) for i in range(num_tags)
        ]
    except struct.error:
        return True
    sizes = [(_TYPE_BYTES.get(kind, 0) * count, offset) for _, kind, count, offset in tags]
    return any(size > 4 and offset + size > len(data) for size, offset in sizes)
