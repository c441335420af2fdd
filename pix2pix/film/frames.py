"""The frames of a film as upright RGB images, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pix2pix.film.colour import Colour, colour_of, to_rgb
from pix2pix.film.opening import FilmError, opened, picture_stream
from pix2pix.film.orientation import display_matrix, swaps_axes, upright


@dataclass(frozen=True, slots=True)
class Look:
    """What all frames of a film have in common."""

    colour: Colour
    matrix: tuple[int, int, int, int]  # how a frame is turned to be upright
    pixel_aspect: Fraction | None  # width to height of an upright pixel; None: unknown, so 1


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """A frame; its pixels are converted when they are asked for."""

    stored: VideoFrame
    look: Look
    pts: int  # when it is shown, in units of the film's time base

    @property
    def time_s(self) -> float:
        """When the frame is shown, in seconds."""
        assert self.stored.time_base is not None
        return float(self.pts * self.stored.time_base)

    def image(self) -> np.ndarray:
        """The upright pixels, (H, W, 3) uint8."""
        return upright(to_rgb(self.stored, self.look.colour), self.look.matrix)


def film_frames(path: Path) -> Iterator[FilmFrame]:
    """Decode a film, in the order in which its frames are shown; few are in memory at a time.

    Raises FilmError naming the film and the time if a frame is damaged, has no time, or is of
    another size than the first.
    """
    with opened(path) as container:
        stream = picture_stream(container, path)
        # Not whole frames in parallel: libav then forgets the error of a damaged last frame.
        stream.thread_type = "SLICE"
        first: FilmFrame | None = None
        last_pts: int | None = None
        decoded = container.decode(stream)
        while (frame := _next(decoded, path, last_pts, stream)) is not None:
            look = _look(frame, stream, path) if first is None else first.look
            if frame.pts is None or (last_pts is not None and frame.pts <= last_pts):
                raise FilmError(
                    f"{path} has a frame without a time of its own{_after(last_pts, stream)}; "
                    "write the film anew, for example as .mkv"
                )
            if first is not None and _size(frame) != _size(first.stored):
                raise FilmError(
                    f"{path} changes its size from {_size(first.stored)} to {_size(frame)} "
                    f"px{_after(last_pts, stream)}; cut it there"
                )
            last_pts = frame.pts
            found = FilmFrame(frame, look, frame.pts)
            first = first or found
            yield found
        if first is None:
            raise FilmError(f"{path} holds no frames; name a film with pictures")


def paired_frames(one: Path, other: Path) -> Iterator[tuple[FilmFrame, FilmFrame]]:
    """The frames of two films, one by one. Raises FilmError if one film has more than the other."""
    number = 0
    for number, pair in enumerate(zip_longest(film_frames(one), film_frames(other)), start=1):
        if None in pair:
            shorter, longer = (one, other) if pair[0] is None else (other, one)
            raise FilmError(
                f"{shorter} has {number - 1} frames, and {longer} has more; name two films of the "
                "same frames"
            )
        yield pair


def _next(
    decoded: Iterator[VideoFrame], path: Path, last_pts: int | None, stream: VideoStream
) -> VideoFrame | None:
    try:
        frame = next(decoded, None)
    except FFmpegError as error:
        raise FilmError(
            f"{path} cannot be decoded{_after(last_pts, stream)}: {error.strerror}; copy it again, "
            "or cut it"
        ) from None
    if frame is not None and frame.is_corrupt:
        raise FilmError(f"{path} is damaged{_after(last_pts, stream)}; copy it again, or cut it")
    return frame


def _look(frame: VideoFrame, stream: VideoStream, path: Path) -> Look:
    try:
        colour, matrix = colour_of(frame), display_matrix(frame)
    except ValueError as error:
        raise FilmError(f"{path} {error}; write it anew with another program") from None
    aspect = stream.sample_aspect_ratio
    if aspect and swaps_axes(matrix):
        aspect = 1 / aspect
    return Look(colour, matrix, aspect or None)


def _size(frame: VideoFrame) -> str:
    return f"{frame.width}x{frame.height}"


def _after(last_pts: int | None, stream: VideoStream) -> str:
    """The words that say where in the film something is."""
    if last_pts is None or stream.time_base is None:
        return " at its beginning"
    return f" after {float(last_pts * stream.time_base):.1f} s"
