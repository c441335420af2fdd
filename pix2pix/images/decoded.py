"""The result of decoding a file, and the errors for damaged files; shared by the decoders."""

import struct
import tokenize
import zlib
from dataclasses import dataclass

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.orientation import UPRIGHT

WHOLE_FILE = "replace it with a whole copy"

MAX_VALUES = 3 * 178_956_970  # of an image; Pillow warns of a bomb at as many pixels of RGB
MAX_UNPACKED_BYTES = 2**31  # of a volume or an array that a file holds compressed as a whole

# What the decoders raise on damaged files. Pillow raises SyntaxError for a broken PNG chunk.
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

Scaling = tuple[tuple[float, float], ...]  # of each channel: scale and offset


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What a file states about its pixels besides their values.

    `orientation` is the EXIF value, 1..8 (1: upright); the decoded pixels are already rotated by
    it. `has_alpha`: the last channel is opacity, and the colours are not multiplied by it. Of TIFF,
    `is_lossy` means that `lossy_codec`, the compression, can lose information.
    `num_frames` is 1, or the length of an animation, of which the first frame was decoded.
    `num_pages` is the number of pages of a TIFF file, each of which became a channel. `nodata` is
    the value of pixels where nothing was measured, as a GeoTIFF states it. `affine` is the 4x4
    matrix of a NIfTI file, row by row, from the indices of a voxel to its place in space.
    `states_units`: a DICOM file states its rescale slope and intercept, which may be 1 and 0, so
    that its integers are in the same units as the floats of rescaled files. `scaling` is what a
    GeoTIFF says its stored values mean, None: themselves; `decode_file` applies it. `dtype` is that
    of the file's values; `decode_file` sets it.
    """

    file_format: str
    orientation: int = UPRIGHT
    has_alpha: bool = False
    is_lossy: bool = False
    lossy_codec: str | None = None
    num_frames: int = 1
    num_pages: int = 1
    nodata: float | None = None
    affine: tuple[float, ...] | None = None
    states_units: bool = False
    scaling: Scaling | None = None
    dtype: str = ""

    @property
    def lossy_kind(self) -> str:
        """What kind of file may have lost information, in words."""
        if self.lossy_codec is None:
            return f"a lossy {self.file_format} file"
        return f"a {self.file_format} file compressed as {self.lossy_codec}, which can lose details"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The pixels of a file, upright, (H, W, C) after `decode_file`; and the facts about them.

    `valid` (H, W) says which pixels have a value, None: all. The others hold 0.
    """

    pixels: np.ndarray
    facts: FileFacts
    valid: np.ndarray | None = None


def damaged(error: BaseException) -> UserError:
    """The error for a file that a decoder could not read."""
    return UserError(f"is truncated, damaged or too large ({error}); {WHOLE_FILE}")


def from_bits(pixels: np.ndarray, *, label_ids: bool) -> np.ndarray:
    """Convert boolean pixels of any shape to uint8: 0 and 255, or 0 and 1 with `label_ids`.

    Other pixels are returned unchanged.
    """
    if pixels.dtype != np.bool_:
        return pixels
    return pixels.astype(np.uint8) * np.uint8(1 if label_ids else 255)
