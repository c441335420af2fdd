"""Films of a second and less, drawn by the tests."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from pix2pix.film.colour import Colour, FrameMaker

TIME_BASE = Fraction(1, 12800)


def moving_square(num_frames: int, height: int = 64, width: int = 64) -> np.ndarray:
    """Frames (N, H, W, 3): a soft square over a shaded ground moves two pixels a frame."""
    rows, columns = np.mgrid[:height, :width]
    frames = []
    for index in range(num_frames):
        ground = np.stack([rows * 3, columns * 3, 200 - rows - columns], axis=2)
        top, left = 8, 4 + 2 * index
        ground[top : top + 20, left : left + 20] = (220, 60, 40)
        frames.append(ground.clip(0, 255).astype(np.uint8))
    return np.stack(frames)


def write_film(
    path: Path,
    frames: np.ndarray,
    *,
    pts: Sequence[int] | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    matrix: Colorspace | None = None,
    colour_range: ColorRange = ColorRange.UNSPECIFIED,
    rotation: tuple[float, bool] | None = None,
    pixel_aspect: Fraction | None = None,
    sound: str | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a film of `frames` (N, H, W, 3), 25 a second unless `pts` says otherwise.

    `rotation` is the turn and the mirror of the display matrix; `sound` is an audio codec.
    """
    times = range(0, len(frames) * 512, 512) if pts is None else pts
    with av.open(str(path), "w", options=container_options or {}) as film:
        stream = film.add_stream(
            codec, rate=25, options={"crf": "4"} if options is None else options
        )
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        stream.time_base = stream.codec_context.time_base = TIME_BASE
        if matrix is not None:
            stream.codec_context.colorspace = {1: 1, 5: 6, 9: 9}[matrix]
        stream.codec_context.color_range = colour_range
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation is not None:
            stream.set_display_rotation(rotation[0], hflip=rotation[1])
        audio = None if sound is None else film.add_stream(sound, rate=48000, layout="mono")
        for frame, when in zip(frames, times, strict=True):
            encoded = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
                format=pixel_format,
                src_color_range=ColorRange.JPEG,
                dst_colorspace=Colorspace.ITU601 if matrix is None else matrix,
                dst_color_range=colour_range or ColorRange.MPEG,
                interpolation=Interpolation.BICUBIC,
            )
            encoded.pts, encoded.time_base = when, TIME_BASE
            film.mux(stream.encode(encoded))
        film.mux(stream.encode())
        if audio is not None:
            _write_tone(film, audio, seconds=len(frames) / 25)
    return path


def write_sound(path: Path, *, codec: str = "aac") -> Path:
    """A file of sound alone."""
    with av.open(str(path), "w") as film:
        _write_tone(film, film.add_stream(codec, rate=48000, layout="mono"), seconds=0.5)
    return path


def _write_tone(
    film: av.container.OutputContainer, stream: av.AudioStream, *, seconds: float
) -> None:
    step = stream.codec_context.frame_size or 960
    for first in range(0, round(seconds * 48000), step):
        tone = np.sin(np.arange(first, first + step) * 0.05, dtype=np.float32)[None] * 0.5
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, first
        film.mux(stream.encode(frame))
    film.mux(stream.encode())


def times_s(path: Path) -> list[Fraction]:
    """When each frame is shown."""
    with av.open(str(path)) as film:
        return [frame.pts * frame.time_base for frame in film.decode(video=0)]


def sound_packets(path: Path) -> list[bytes]:
    """The content of each packet of sound."""
    with av.open(str(path)) as film:
        return [
            bytes(packet)
            for packet in film.demux()
            if packet.size and packet.stream.type == "audio"
        ]


def from_rgb(image: np.ndarray, colour: Colour, *, pixel_format: str) -> av.VideoFrame:
    """One image (H, W, 3) as a frame of a film."""
    height, width = image.shape[:2]
    return FrameMaker(colour, height=height, width=width, pixel_format=pixel_format)(image)
