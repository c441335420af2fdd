"""Source `video`: frames of films as pairs, the frames of one film being side A, of another side B.

The films lie in the layout two_folders: A/street.mp4 and B/street.mp4 are a pair of films. Two
frames are a pair if they are shown at the same time, counted from the beginnings of their films.
"""

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.errors import UserError
from pix2pix.film.frames import FilmFrame, film_frames
from pix2pix.film.opening import SUFFIXES, inspect
from pix2pix.images.grids import write_png

STRETCH_S = 10  # a folder holds the frames of so many seconds

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FilmPair:
    """Two films of the same scene; `name` is their path below the folders of the sides."""

    name: str
    film_a: Path
    film_b: Path


def extract_pairs(config: DataConfig, directory: Path) -> int:
    """Write the frames of all films of `config.path` below `directory`; return how many pairs.

    The frames of the film A/NAME.mp4 become A/NAME/00010s/00012480ms.png: the folder of a stretch
    of ten seconds, and the time of the frame. Raises UserError if there are no films, a film has
    no partner or cannot be read, or two films of a pair are of unlike length.
    """
    num_pairs = 0
    for pair in film_pairs(config):
        found = 0
        for time_s, image_a, image_b in frame_pairs(pair, config.frames_per_s):
            name = f"{int(time_s) // STRETCH_S * STRETCH_S:05d}s/{round(time_s * 1000):08d}ms.png"
            for side, image in ((config.folder_a, image_a), (config.folder_b, image_b)):
                write_png(directory / side / pair.name / name, image)
            found += 1
        logger.info("%s: %d pairs of frames", pair.name, found)
        num_pairs += found
    return num_pairs


def film_pairs(config: DataConfig) -> list[FilmPair]:
    """The pairs of films of `config.path`, sorted by name.

    Raises UserError if there are none, or a film has no partner.
    """
    root = Path(config.path)
    sides = [_films(root / folder) for folder in (config.folder_a, config.folder_b)]
    if not sides[0] and not sides[1]:
        raise UserError(
            f"data.path: {root} holds no films ({', '.join(SUFFIXES)}) in {config.folder_a} and "
            f"{config.folder_b}"
        )
    alone = sorted(sides[0].keys() ^ sides[1].keys())
    if alone:
        raise UserError(
            f"data.path: {root}: the film {alone[0]} is in one of {config.folder_a} and "
            f"{config.folder_b} alone ({len(alone)} such); a pair of films has one name"
        )
    return [FilmPair(name, sides[0][name], sides[1][name]) for name in sorted(sides[0])]


def _films(folder: Path) -> dict[str, Path]:
    """The films at any depth of a folder, by their relative paths without suffix."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise UserError(f"{found[name]} and {path} have one name; rename one")
        found[name] = path
    return found


def frame_pairs(
    pair: FilmPair, frames_per_s: float | None
) -> Iterator[tuple[Fraction, np.ndarray, np.ndarray]]:
    """The time in seconds and the two frames, each (H, W, 3) uint8, of all pairs of two films.

    There are `frames_per_s` of them in a second; None: one for each frame of film A. The frame of
    a time is the one that is being shown then. Raises UserError if the lengths of the films differ
    by more than a frame.
    """
    end_s = _common_length(pair)
    shown_b = _Shown(pair.film_b)
    for time_s, frame in _chosen(pair.film_a, frames_per_s):
        if time_s >= end_s:
            return
        yield time_s, frame.image(), shown_b.at(time_s).image()


def _chosen(film: Path, frames_per_s: float | None) -> Iterator[tuple[Fraction, FilmFrame]]:
    """Frames of a film at equal distances, with their times; each frame for None."""
    if frames_per_s is None:
        yield from _timed(film)
        return
    step_s = 1 / Fraction(frames_per_s).limit_denominator(1000)
    shown = _Shown(film)
    for number in itertools.count():
        yield number * step_s, shown.at(number * step_s)


def _timed(film: Path) -> Iterator[tuple[Fraction, FilmFrame]]:
    """The frames of a film, with their times in seconds since the first."""
    time_base = inspect(film).time_base
    frames = film_frames(film)
    first = next(frames)
    yield Fraction(0), first
    for frame in frames:
        yield (frame.pts - first.pts) * time_base, frame


class _Shown:
    """Tells which frame of a film is shown at a time; asked for times that do not decrease."""

    def __init__(self, film: Path) -> None:
        self._coming = _timed(film)
        _, self._shown = next(self._coming)
        self._next = next(self._coming, None)

    def at(self, time_s: Fraction) -> FilmFrame:
        while self._next is not None and self._next[0] <= time_s:
            self._shown = self._next[1]
            self._next = next(self._coming, None)
        return self._shown


def _common_length(pair: FilmPair) -> Fraction:
    """The shorter length in seconds. Raises UserError if they differ by more than a frame."""
    (length_a, frame_a), (length_b, frame_b) = _length(pair.film_a), _length(pair.film_b)
    if abs(length_a - length_b) > max(frame_a, frame_b):
        raise UserError(
            f"{pair.film_a} lasts {float(length_a):.2f} s and {pair.film_b} {float(length_b):.2f} "
            "s; cut both to the same scene"
        )
    return min(length_a, length_b)


def _length(film: Path) -> tuple[Fraction, Fraction]:
    """How long a film and one of its frames are shown, in seconds."""
    facts = inspect(film)
    last_s = Fraction(0)
    for last_s, _ in _timed(film):  # noqa: B007 - the last one is asked for
        pass
    return last_s + facts.last_duration_s, max(facts.last_duration_s, 1 / facts.rate)
