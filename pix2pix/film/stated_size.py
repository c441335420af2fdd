"""How long a film file has to be, by what its container states of its parts.

libav takes what is there of an AVI, WMV or fragmented MP4 file that was cut off for the whole film.
"""

import os
from pathlib import Path
from typing import BinaryIO

from pix2pix.special_files import open_plain

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")  # how WMV files begin
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEAD_BYTES = 65536  # the properties are near the beginning
# Of MP4 and MOV files. Some cameras write what is no box behind the last one.
_BOXES = frozenset(b"ftyp moov mdat wide free skip moof mfra styp sidx uuid udta meta".split())
_UNKNOWN_RIFF = (0, 2**32 - 1)  # of a program that could not go back and write it
_RIFF_HEAD_BYTES = 8  # which some programs count, and others do not


def num_missing_bytes(path: Path) -> int:
    """The bytes by which a file is shorter than it states; 0 where it states nothing."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(8)
        if head[4:8] in _BOXES:
            return max(0, _end_of_boxes(file, size) - size)
        if head[:4] == b"RIFF":
            missing = _end_of_riff(file, size) - size
            return missing if missing > _RIFF_HEAD_BYTES else 0
        if head == _ASF[:8]:
            return max(0, _asf_size(file) - size)
    return 0


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Where the last box ends that begins in the file: ISO/IEC 14496-12, 4.2."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(16)
        length = int.from_bytes(head[:4])
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:16])
        if length < 8 or head[4:8] not in _BOXES:  # up to the end of the file, or no box
            return size
        end += length
    return end


def _end_of_riff(file: BinaryIO, size: int) -> int:
    """Where the last of the lists ends that begin in the file; an AVI of some GB has several."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or length in _UNKNOWN_RIFF:
            return size
        end += 8 + length + length % 2
    return end


def _asf_size(file: BinaryIO) -> int:
    """The size that the properties of an ASF file state: ASF specification, section 3.2."""
    file.seek(0)
    head = file.read(_ASF_HEAD_BYTES)
    first = head.find(_ASF_PROPERTIES)
    if first < 0:
        return 0
    is_broadcast = int.from_bytes(head[first + 88 : first + 92], "little") & 1
    return 0 if is_broadcast else int.from_bytes(head[first + 40 : first + 48], "little")
