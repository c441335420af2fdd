"""Open a film, refuse what is none, and find out whether all of it is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from pix2pix.errors import UserError
from pix2pix.film.stated_size import num_missing_bytes
from pix2pix.special_files import open_plain

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv")
# Films of other kinds. They are named, so that no film is left out unnoticed.
UNREAD_SUFFIXES = (
    *(".flv", ".f4v", ".m2ts", ".m2t", ".m2v", ".mpe", ".vob", ".ogv", ".ogm", ".3gp", ".3g2"),
    *(".asf", ".divx", ".rm", ".rmvb", ".mxf", ".dv", ".qt", ".nut", ".y4m", ".mjpeg", ".wtv"),
    *(".h264", ".264", ".h265", ".265", ".hevc", ".ivf", ".av1", ".insv", ".lrv", ".braw", ".r3d"),
)

_LISTS = ("concat", "hls", "dash", "webm_dash_manifest", "sdp")  # as libav names them
_PLAYLIST = b"#EXTM3U"  # how a file of the format hls begins

_USUAL_RATE = Fraction(25)  # frames per second, for an encoder where the film names no rate
_MISSING_S = 0.5  # more than headers round, and less than anyone would call a film cut off


class FilmError(UserError):
    """A file is no film, or not all of it can be read; the message names the file."""


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """What the packets of a film tell without being decoded."""

    num_frames: int
    last_pts: int  # when the last frame is shown, in units of `time_base`
    last_duration_s: Fraction  # of the frame that is shown last
    time_base: Fraction  # the unit of its times, in seconds
    rate: Fraction  # frames per second on average


def as_file(path: Path) -> str:
    """The name of a file for libav, which takes what precedes a colon for a protocol.

    Without it, a film in the current folder could not be called `take:2.mp4`.
    """
    return f"file:{path}"


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a film for reading.

    Raises FilmError if the file is missing, no film, or one that libav cannot read.
    """
    if _is_playlist(path):
        raise _list_of_films(path)
    try:
        container = av.open(as_file(path), "r")
    except FileNotFoundError:
        raise FilmError(f"{path} does not exist; correct the name") from None
    except FFmpegError as error:
        raise FilmError(
            f"{path} cannot be read as a film: {error.strerror}; copy it again or name another one"
        ) from None
    with container:
        if container.format.name.endswith("_pipe") or container.format.name in ("image2", "tty"):
            raise FilmError(f"{path} is a single picture or a text; name a film")
        if container.format.name in _LISTS:  # nobody would notice changes of the others
            raise _list_of_films(path)
        yield container


def _is_playlist(path: Path) -> bool:
    """Whether a film is a list for HLS, to which libav would wait minutes for further films."""
    try:
        with open_plain(path) as file:
            return file.read(len(_PLAYLIST)) == _PLAYLIST
    except UserError as error:
        raise FilmError(f"{path} {error}") from None
    except OSError:
        return False  # libav says what is wrong


def _list_of_films(path: Path) -> FilmError:
    return FilmError(f"{path} is a list of other films; name a film that holds its pictures")


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of pictures that is no cover. Raises FilmError if there is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    what = "sound alone" if container.streams.audio else "no pictures"
    raise FilmError(f"{path} holds {what}; name a film with pictures")


def inspect(path: Path) -> FilmFacts:
    """Read all packets of a film.

    Raises FilmError if it has no frames, or ends before the end that its header names.
    """
    with opened(path) as container:
        stream = picture_stream(container, path)
        assert stream.time_base is not None
        packets = _read_packets(path, container, stream)
        if not packets.num_shown:
            if packets.num_timeless:
                raise FilmError(
                    f"{path} holds frames without times; write the film anew, for example as .mkv"
                )
            raise FilmError(f"{path} holds no frames; name a film with pictures")
        _check_complete(path, container, stream, packets)
        rate = stream.average_rate or stream.guessed_rate or _USUAL_RATE
        return FilmFacts(
            num_frames=packets.num_shown,
            last_pts=packets.last_pts,
            # Not every film states it, WMV never.
            last_duration_s=packets.last_duration * stream.time_base or 1 / rate,
            time_base=stream.time_base,
            rate=rate,
        )


@dataclass(slots=True)
class _Packets:
    """What was counted while the packets of a film were read."""

    num_stored: int = 0  # of the pictures, with those that an edit list leaves out
    num_shown: int = 0
    num_timeless: int = 0
    last_duration: int = 0
    last_pts: int = -(1 << 62)
    end_s: float = 0.0  # of pictures, sound and all else


def _read_packets(path: Path, container: InputContainer, stream: VideoStream) -> _Packets:
    found = _Packets()
    try:
        for packet in container.demux():
            if not packet.size:
                continue
            is_picture = packet.stream_index == stream.index
            if packet.is_corrupt and is_picture:
                raise FilmError(
                    f"{path} is damaged or cut off after {found.end_s:.1f} s; copy it again"
                )
            if packet.pts is None:
                found.num_timeless += is_picture
                continue
            end = packet.pts + (packet.duration or 0)
            found.end_s = max(found.end_s, float(end * packet.time_base))
            if not is_picture:
                continue
            found.num_stored += 1
            if packet.is_discard:
                continue
            found.num_shown += 1
            if packet.pts > found.last_pts:
                found.last_pts, found.last_duration = packet.pts, packet.duration or 0
    except FFmpegError as error:
        raise FilmError(
            f"{path} is damaged after {found.end_s:.1f} s: {error.strerror}; copy it again"
        ) from None
    return found


def _check_complete(
    path: Path, container: InputContainer, stream: VideoStream, packets: _Packets
) -> None:
    kind = container.format.name
    # AVI counts the gaps between frames as frames.
    if kind != "avi" and packets.num_stored < stream.frames:
        raise FilmError(
            f"{path} is cut off: its header names {stream.frames} frames, and "
            f"{packets.num_stored} are there; copy it again"
        )
    if num_missing := num_missing_bytes(path):
        raise FilmError(
            f"{path} is cut off: {num_missing} of the bytes that it states are missing; copy it "
            "again, or write it anew, for example as .mkv, if what is there suffices"
        )
    if container.duration is None:
        return
    length_s = container.duration / av.time_base
    # The length of Matroska and WebM is counted from zero, also where the first frame is later.
    first_s = 0.0 if kind.startswith("matroska") else (container.start_time or 0) / av.time_base
    missing_s = first_s + length_s - packets.end_s
    if missing_s > _MISSING_S:
        raise FilmError(
            f"{path} is cut off: its header names {length_s:.1f} s, and it ends "
            f"{missing_s:.1f} s earlier; copy it again"
        )
