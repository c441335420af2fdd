"""What decoding a file gives, and how its faults are told; shared by the decoders."""

import struct
import tokenize
import zlib
from dataclasses import dataclass

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.orientation import UPRIGHT

WHOLE_FILE = "replace it with a whole copy"

# What the decoders raise on damaged files; SyntaxError is Pillow's word for a broken PNG chunk.
DAMAGED = (
    OSError,
    ValueError,
    RuntimeError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What a file says of its pixels, apart from their values.

    `orientation` is the EXIF tag (1: none), which the pixels have been turned by. `has_alpha`: the
    last channel is opacity, not multiplied into the others. `num_frames` are those of an animation,
    of which the first one was taken; `num_pages` those of a TIFF, which became channels.
    """

    file_format: str
    orientation: int = UPRIGHT
    has_alpha: bool = False
    is_lossy: bool = False
    num_frames: int = 1
    num_pages: int = 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """The pixels of a file, (H, W, C) after `decode`, upright; and what the file says of them."""

    pixels: np.ndarray
    facts: FileFacts


def damaged(error: BaseException) -> UserError:
    """The refusal of a file that a decoder gave up on."""
    return UserError(f"is truncated, damaged or too large ({error}); {WHOLE_FILE}")


def from_bits(pixels: np.ndarray, *, label_ids: bool) -> np.ndarray:
    """One-bit pixels as uint8; others as they are."""
    if pixels.dtype != np.bool_:
        return pixels
    return pixels.astype(np.uint8) * np.uint8(1 if label_ids else 255)
