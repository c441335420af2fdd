"""The result of decoding a file, and the errors for damaged files; shared by the decoders."""

import struct
import tokenize
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import shorten

import numpy as np

from pix2pix.errors import UserError
from pix2pix.images.orientation import UPRIGHT
from pix2pix.images.palettes import IdColours

WHOLE_FILE = "replace it with a whole copy"
_MAX_FAULT = 200  # characters of what a decoder says

# Of an image of any format: pixels times channels, as its header states them. This is 23,170 px
# square of grey or 13,377 px square of RGB, and takes 2 GiB as float32.
MAX_VALUES = 2**29
MAX_UNPACKED_BYTES = 2**31  # of a volume or an array that a file holds compressed as a whole

# What the decoders raise on damaged files. Pillow raises SyntaxError for a broken PNG chunk. Not
# MemoryError: sizes are checked first, so that it says something of the machine, not of the file.
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
    struct.error,
    tokenize.TokenError,
    zlib.error,
)

Scaling = tuple[tuple[float, float], ...]  # of each channel: scale and offset


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What a file states about its pixels besides their values.

    `orientation` is the EXIF value, 1..8 (1: upright); the decoded pixels are already rotated by
    it. With `has_damaged_exif` it is not known, and 1. `has_alpha`: the last channel is opacity,
    and the colours are not multiplied by it. Of TIFF, `is_lossy` means that `lossy_codec`, the
    compression, can lose information.
    `num_frames` is 1, or the length of an animation, of which the first frame was decoded.
    `num_pages` is the number of pages of a TIFF file, each of which became a channel. `nodata` is
    the value of pixels where nothing was measured, as a GeoTIFF states it; with `has_mask`, a mask
    in the file says where that is. `affine` is the 4x4 matrix of a NIfTI or GeoTIFF file, row by
    row, from the indices (x, y, z) of a voxel or pixel to the place of its centre.
    `states_units`: a DICOM file states its rescale slope and intercept, which may be 1 and 0, so
    that its integers are in the same units as the floats of rescaled files. `scaling` is what a
    GeoTIFF says its stored values mean, None: themselves; `decode_file` applies it.
    `unread_channels` are those of an OpenEXR file beside its colours, if no `array_key` was chosen.
    `colour_profile` is the name of the ICC profile or of what else states the meaning of colours,
    which is not applied. `id_colours` are those of class ids that are the indices of a palette.
    `dtype` is that of the file's values; `decode_file` sets it.
    """

    file_format: str
    orientation: int = UPRIGHT
    has_damaged_exif: bool = False
    has_alpha: bool = False
    is_lossy: bool = False
    lossy_codec: str | None = None
    num_frames: int = 1
    num_pages: int = 1
    nodata: float | None = None
    has_mask: bool = False
    affine: tuple[float, ...] | None = None
    states_units: bool = False
    scaling: Scaling | None = None
    unread_channels: tuple[str, ...] = ()
    colour_profile: str | None = None
    id_colours: IdColours = ()
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


class SoundFileError(UserError):
    """A file is not read although it may be sound: it is too large, or of an unread kind."""


def damaged(error: BaseException) -> UserError:
    """The error for a file that a decoder could not read, which may have raised one itself."""
    if isinstance(error, SoundFileError):
        return error
    # Some decoders write several lines, or the bytes that they do not understand.
    text = shorten(str(error), _MAX_FAULT, placeholder=" ...")
    fault = "it ends too early" if isinstance(error, struct.error) else text
    return UserError(f"is truncated or damaged ({fault}); {WHOLE_FILE}")


@contextmanager
def damage_named(*errors: type[Exception]) -> Iterator[None]:
    """Turn what a decoder raises on damaged files, `DAMAGED` or one of `errors`, into UserError."""
    known: tuple[type[Exception], ...] = (*DAMAGED, *errors)
    try:
        yield
    except UserError:
        raise
    except known as error:
        raise damaged(error) from None


def too_large(stated: str, limit: str) -> SoundFileError:
    """The error for a file that states more than is read; a damaged header can state anything."""
    return SoundFileError(
        f"is too large: its header states {stated}, and at most {limit} are read; cut it into "
        f"parts, or, if it is not so large, {WHOLE_FILE}"
    )


def check_size(height: int, width: int, num_channels: int) -> None:
    """Raise SoundFileError if an image of this size is too large to be read."""
    channels = "" if num_channels == 1 else f" with {num_channels} channels"
    check_num_values(height * width * num_channels, f"{width}x{height} px{channels}")


def check_num_values(num_values: int, stated: str) -> None:
    """Raise SoundFileError if an image has too many values to be read; `stated` is its size."""
    if num_values > MAX_VALUES:
        raise too_large(stated, f"{MAX_VALUES} values (pixels times channels)")


def from_bits(pixels: np.ndarray, *, label_ids: bool) -> np.ndarray:
    """Convert boolean pixels of any shape to uint8: 0 and 255, or 0 and 1 with `label_ids`.

    Other pixels are returned unchanged.
    """
    if pixels.dtype != np.bool_:
        return pixels
    return pixels.astype(np.uint8) * np.uint8(1 if label_ids else 255)
