"""Join the parts of a film, and copy sound, subtitles and chapters from the film it was made of."""

import heapq
import io
import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from pix2pix.errors import UserError
from pix2pix.film.encoding import FILE_KINDS, H264, kind_of, mark
from pix2pix.film.frames import Look
from pix2pix.film.opening import as_file, opened

_KEPT_METADATA = ("language", "title")  # of sound and subtitles; the rest describes the old file
# The index is put at the beginning, so that a film can be played while it is being loaded.
_INDEX_FIRST = {"movflags": "faststart"}

_Muxed = tuple["Packet[Any]", Stream]  # a packet, and the stream of the output that it is of

logger = logging.getLogger(__name__)


def check_pixels_fit(look: Look, film: Path, output: Path) -> None:
    """Raise UserError if `output` could not state the shape of the pixels of `film`."""
    # The pictures of H.264 state it themselves; for others, PyAV has no way to write it.
    if look.pixel_aspect not in (None, 1) and kind_of(output).codec != H264:
        raise UserError(
            f"{film} has pixels that are {float(look.pixel_aspect):.3g} times as wide as high, "
            f"which a {output.suffix} file could not state here; name a .mp4, .mov or .mkv file"
        )


def check_sound_fits(film: Path, output: Path) -> None:
    """Raise UserError if the container of `output` cannot hold the sound of `film` as it is."""
    container, mkv = kind_of(output).container, FILE_KINDS[".mkv"].container
    with opened(film) as source:
        sounds = source.streams.audio
        refused = [_codec_name(stream) for stream in sounds if not _can_hold(container, stream)]
        fits_mkv = all(_can_hold(mkv, stream) for stream in sounds)
    if refused:
        remedy = "name a .mkv file, or give --no-sound" if fits_mkv else "give --no-sound"
        raise UserError(
            f"{output.suffix} cannot hold the sound of {film} ({', '.join(refused)}), which is "
            f"copied as it is; {remedy}"
        )


def assemble(
    film: Path,
    parts: Sequence[Path],
    output: Path,
    *,
    look: Look,
    last_duration_s: Fraction,
    with_sound: bool,
    comment: str,
) -> None:
    """Write the film `output` of the pictures of `parts` and the sound of `film`.

    No packet is encoded again. `look` is that of the parts, and `last_duration_s` is that of the
    last picture. Raises OSError if it cannot write.
    """
    container = kind_of(output).container
    options = _INDEX_FIRST if container in ("mp4", "mov") else {}
    with (
        opened(film) as source,
        av.open(as_file(output), "w", format=container, options=options) as joined,
    ):
        joined.metadata.update({**source.metadata, "comment": comment})
        joined.set_chapters(source.chapters())
        with opened(parts[0]) as part:
            pictures = joined.add_stream_from_template(part.streams.video[0], opaque=True)
        mark(pictures, look)  # neither a NUT file nor the pictures of VP9 state all of it
        copied = {
            stream.index: _copy_of(stream, joined)
            for stream in _kept_streams(source, container, with_sound=with_sound)
        }
        # Merged by time: a container that first got all pictures would keep them in memory.
        queues = [_pictures(parts, last_duration_s, pictures)]
        if copied:
            queues.append(_copies(source, copied))
        for packet, stream in heapq.merge(*queues, key=_seconds):
            packet.stream = stream
            joined.mux_one(packet)


def _copy_of(stream: Stream, joined: OutputContainer) -> Stream:
    """A stream of the output for the packets of `stream`: its language, its title, its role."""
    copy = joined.add_stream_from_template(stream)
    copy.metadata.update(
        {key: stream.metadata[key] for key in _KEPT_METADATA if key in stream.metadata}
    )
    copy.disposition = stream.disposition
    return copy


def _can_hold(container: str, stream: Stream) -> bool:
    """Whether a container of this format can hold the packets of a stream; it is tried out."""
    with av.open(io.BytesIO(), "w", format=container) as trial:
        try:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
        except (FFmpegError, ValueError):
            return False
    return True


def _kept_streams(source: InputContainer, container: str, *, with_sound: bool) -> Iterator[Stream]:
    """The streams to copy. Subtitles that the container cannot hold are named and left out."""
    if with_sound:
        yield from source.streams.audio
    for stream in source.streams.subtitles:
        if _can_hold(container, stream):
            yield stream
        else:
            logger.warning(
                "subtitles of the kind %s are left out: this container cannot hold them",
                _codec_name(stream),
            )


def _codec_name(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name


def _pictures(parts: Sequence[Path], last_duration_s: Fraction, stream: Stream) -> Iterator[_Muxed]:
    """The packets of all parts, one after the other."""
    for number, path in enumerate(parts, start=1):
        with opened(path) as part:
            packets = [packet for packet in part.demux(part.streams.video[0]) if packet.size]
        if number == len(parts):
            packets[-1].duration = round(last_duration_s / packets[-1].time_base)
        for packet in packets:
            # A part has no B-frames. libav does not always state this: of 7 packets of H.264, none
            # has a time to be decoded at.
            packet.dts = packet.pts
            yield packet, stream


def _copies(source: InputContainer, copied: dict[int, Stream]) -> Iterator[_Muxed]:
    """The packets of the streams that are copied, in the order of the film."""
    for packet in source.demux([source.streams[index] for index in copied]):
        if packet.size and packet.dts is not None:
            yield packet, copied[packet.stream_index]


def _seconds(item: _Muxed) -> float:
    packet = item[0]
    assert packet.dts is not None
    return float(packet.dts * packet.time_base)
