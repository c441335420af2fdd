"""Convert frames to RGB and back by the film's own colour matrix and range.

A film stores brightness and two differences of colour (Y'CbCr). Which RGB colour they mean depends
on the matrix (ITU-R BT.601, BT.709, BT.2020) and on the range: limited (16 to 235) or full. Both
are the same in both directions here, and the new film is marked with them.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation

# In the numbers of ITU-T H.273, which libav uses for the marks of a film.
_BT709, _UNSPECIFIED, _BT601 = 1, 2, 6
# The matrices of H.273 that libswscale computes with.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
# As libavfilter names them.
_NAMES = {
    Colorspace.ITU709: "bt709",
    Colorspace.FCC: "fcc",
    Colorspace.ITU601: "smpte170m",
    Colorspace.SMPTE240M: "smpte240m",
    Colorspace.BT2020: "bt2020nc",
}
_ANY_TIME_BASE = Fraction(1, 25)  # the caller sets the times of frames
_HD_HEIGHT = 720  # unmarked films of this height or more are taken for BT.709, as players do


@dataclass(frozen=True, slots=True)
class Colour:
    """How a film stores RGB colours; the last three are marks of the new film (ITU-T H.273)."""

    matrix: Colorspace
    range: ColorRange
    marked_matrix: int
    primaries: int
    transfer: int


def colour_of(frame: VideoFrame) -> Colour:
    """The colour of a frame, and of a film that is made of it.

    What the frame does not state is taken as players do, and stated by the new film: it may have
    another height or pixel format, and players would then take it otherwise. A film that is stored
    as RGB becomes Y'CbCr of limited range. Raises ValueError for a matrix that libswscale has not.
    """
    marked_matrix, marked_range = frame.colorspace, frame.color_range
    if is_rgb(frame):
        marked_matrix, marked_range = _UNSPECIFIED, ColorRange.MPEG
    if marked_matrix == _UNSPECIFIED:
        marked_matrix = _BT709 if frame.height >= _HD_HEIGHT else _BT601
    if marked_matrix not in _MATRICES:
        raise ValueError(f"has the colour matrix {marked_matrix} of ITU-T H.273, which is not read")
    is_full = marked_range == ColorRange.JPEG or (
        marked_range == ColorRange.UNSPECIFIED and frame.format.name.startswith(("yuvj", "gray"))
    )
    return Colour(
        matrix=_MATRICES[marked_matrix],
        range=ColorRange.JPEG if is_full else ColorRange.MPEG,
        marked_matrix=marked_matrix,
        primaries=frame.color_primaries,
        transfer=frame.color_trc,
    )


def is_rgb(frame: VideoFrame) -> bool:
    """Whether a frame stores red, green and blue, by themselves or as a palette."""
    return bool(frame.format.is_rgb or frame.format.has_palette)


def to_rgb(frame: VideoFrame, colour: Colour) -> np.ndarray:
    """The pixels of a frame, (H, W, 3) uint8.

    With the flags below libswscale rounds; by default it truncates, which darkens pictures by a
    level.
    """
    from_rgb_frame = is_rgb(frame)
    converted = frame.reformat(
        format="rgb24",
        src_colorspace=None if from_rgb_frame else colour.matrix,
        src_color_range=ColorRange.JPEG if from_rgb_frame else colour.range,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT,
    )
    return np.asarray(converted.to_ndarray(), dtype=np.uint8)


class FrameMaker:
    """Makes the frames of a film of RGB images of one size.

    Where colours have half the resolution, their samples lie on the left columns of the pixels, as
    decoders of H.264 and VP9 take for granted. Otherwise colours would move by half a pixel.
    """

    def __init__(self, colour: Colour, *, height: int, width: int, pixel_format: str) -> None:
        self._colour = colour
        matrix = _NAMES[colour.matrix]
        range_name = "full" if colour.range == ColorRange.JPEG else "limited"
        graph = Graph()
        graph.link_nodes(
            graph.add_buffer(
                width=width, height=height, format=VideoFormat("rgb24"), time_base=_ANY_TIME_BASE
            ),
            graph.add(
                "scale",
                f"out_color_matrix={matrix}:out_range={range_name}:out_chroma_loc=left"
                ":flags=bicubic+accurate_rnd+full_chroma_int",
            ),
            graph.add("format", pixel_format),
            graph.add("buffersink"),
        ).configure()
        self._graph = graph

    def __call__(self, image: np.ndarray) -> VideoFrame:
        """A frame of pixels (H, W, 3) uint8, marked as the film is."""
        rgb = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        rgb.pts, rgb.time_base = 0, _ANY_TIME_BASE
        self._graph.push(rgb)
        frame = self._graph.pull()
        assert isinstance(frame, VideoFrame)
        colour = self._colour
        frame.colorspace, frame.color_range = colour.marked_matrix, colour.range
        frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
        return frame
