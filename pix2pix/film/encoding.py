"""Write images as a part of a film.

Each part is encoded by itself and begins with a key frame, so parts that are finished stay valid
when the program is killed, and joining them changes no frame. There are no B-frames: packets are in
the order in which their frames are shown, so the times of a film of variable rate need no
rearrangement where two parts meet.

A part is a NUT file, which keeps times in any unit; MP4 and Matroska round them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, cast

import av
import numpy as np
from av.video.stream import VideoStream

from pix2pix.errors import UserError
from pix2pix.film.colour import FrameMaker
from pix2pix.film.frames import Look
from pix2pix.film.opening import as_file


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder, and how it is set; `crf` is its constant rate factor: lower is better."""

    name: str
    default_crf: int
    max_crf: int
    options: Mapping[str, str]
    needs_even_size: bool  # with colours at half the resolution


H264 = Codec("libx264", 18, 51, MappingProxyType({"preset": "medium"}), needs_even_size=True)
VP9 = Codec(
    "libvpx-vp9",
    24,
    63,
    MappingProxyType({"b": "0", "deadline": "good", "cpu-used": "2", "row-mt": "1"}),
    needs_even_size=False,
)


class FileKind(NamedTuple):
    """How a film with some suffix is written; `container` is libav's name of the format."""

    container: str
    codec: Codec


FILE_KINDS = MappingProxyType(
    {
        ".mp4": FileKind("mp4", H264),
        ".m4v": FileKind("mp4", H264),
        ".mov": FileKind("mov", H264),
        ".mkv": FileKind("matroska", H264),
        ".webm": FileKind("webm", VP9),
    }
)


class Timed(NamedTuple):
    """An image (H, W, 3) uint8, and when it is shown, in units of the film's time base."""

    image: np.ndarray
    pts: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the images of a film are encoded."""

    codec: Codec
    crf: int
    time_base: Fraction
    rate: Fraction  # frames per second on average


def kind_of(output: Path) -> FileKind:
    """How the film `output` is written. Raises UserError if none has its suffix."""
    kind = FILE_KINDS.get(output.suffix.lower())
    if kind is None:
        raise UserError(f"{output}: films are written as {', '.join(FILE_KINDS)}; name it so")
    return kind


def checked_crf(codec: Codec, crf: int | None) -> int:
    """The quality to encode with. Raises UserError if the codec has not so many steps."""
    if crf is None:
        return codec.default_crf
    if not 0 <= crf <= codec.max_crf:
        raise UserError(f"--crf {crf}: {codec.name} takes 0 (best) to {codec.max_crf}")
    return crf


def library_version() -> str:
    """The version of PyAV, and so of the encoders inside it."""
    return av.__version__


def write_part(path: Path, images: Iterable[Timed], *, look: Look, encoding: Encoding) -> None:
    """Write images of one size, at least one, to a file. Raises OSError if it cannot write."""
    with av.open(as_file(path), "w", format="nut") as part:
        stream = cast("VideoStream", part.add_stream(encoding.codec.name, rate=encoding.rate))
        make_frame = None
        for timed in images:
            if make_frame is None:
                _set_up(stream, timed.image, look=look, encoding=encoding)
                assert stream.pix_fmt is not None
                make_frame = FrameMaker(
                    look.colour,
                    height=stream.height,
                    width=stream.width,
                    pixel_format=stream.pix_fmt,
                )
            frame = make_frame(timed.image)
            frame.pts, frame.time_base = timed.pts, encoding.time_base
            part.mux(stream.encode(frame))
        part.mux(stream.encode())


def _set_up(stream: VideoStream, image: np.ndarray, *, look: Look, encoding: Encoding) -> None:
    """Set an encoder up for images like this one, before the first is encoded."""
    stream.height, stream.width = image.shape[:2]
    is_odd = stream.height % 2 or stream.width % 2
    stream.pix_fmt = "yuv444p" if is_odd and encoding.codec.needs_even_size else "yuv420p"
    stream.options = {"crf": str(encoding.crf), **encoding.codec.options}
    stream.time_base = encoding.time_base
    context = stream.codec_context
    context.time_base = encoding.time_base
    context.max_b_frames = 0
    mark(stream, look)


def mark(stream: VideoStream, look: Look) -> None:
    """Have a stream of the output state the colours of its pictures, and the shape of a pixel."""
    context = stream.codec_context
    if look.pixel_aspect is not None:
        context.sample_aspect_ratio = look.pixel_aspect
    context.colorspace = look.colour.marked_matrix
    context.color_range = look.colour.range
    context.color_primaries = look.colour.primaries
    context.color_trc = look.colour.transfer
