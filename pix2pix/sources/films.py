"""Source `video`: frames of films as pairs, the frames of one film being side A, of another side B.

The films lie in the layout two_folders: A/street.mp4 and B/street.mp4 are a pair of films, with
another film in the folder of each extra source. Frames are a pair if they are shown at the same
time, counted from the beginnings of their films.
"""

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.errors import UserError
from pix2pix.files import write_bytes
from pix2pix.film.frames import FilmFrame, film_frames
from pix2pix.film.opening import SUFFIXES, UNREAD_SUFFIXES, inspect
from pix2pix.images.grids import png_bytes
from pix2pix.images.names import first_names, relative_paths
from pix2pix.plural import counted
from pix2pix.preparation.folders import all_files, split_of, stem_and_suffix
from pix2pix.special_files import refuse_linked_folders

STRETCH_S = 10  # a folder holds the frames of so many seconds

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FilmPair:
    """Films of the same scene: A, B, then extra sources.

    `name` is their path below the folders of the sides.
    """

    name: str
    films: tuple[Path, ...]


def extract_pairs(config: DataConfig, directory: Path) -> int:
    """Write the frames of all films of `config.path` below `directory`; return how many pairs.

    The files are not flushed to the disk: `directory` is a temporary one.

    The frames of the film A/NAME.mp4 become A/NAME/00010s/00012480ms.png: the folder of a stretch
    of ten seconds, and the time of the frame; a second frame of the millisecond becomes
    00012480ms-1.png. Raises UserError if there are no films, a film has no partner or cannot be
    read, or the films of a pair are of unlike length.
    """
    num_pairs = 0
    for pair in film_pairs(config):
        found = 0
        for name, images in _named(frame_pairs(pair, config.frames_per_s)):
            for side, image in zip(_folders(config), images, strict=True):
                path = directory / side / pair.name / f"{name}.png"
                write_bytes(path, png_bytes(image), is_durable=False)
            found += 1
        logger.info("%s: %s of frames", pair.name, counted(found, "pair"))
        num_pairs += found
    return num_pairs


def _named(
    frames: Iterator[tuple[Fraction, list[np.ndarray]]],
) -> Iterator[tuple[str, list[np.ndarray]]]:
    """A name for each pair of frames by its time, which no other one has."""
    for name, pairs in itertools.groupby(frames, key=lambda pair: _time_name(pair[0])):
        for number, (_, images) in enumerate(pairs):
            yield f"{name}-{number}" if number else name, images


def _time_name(time_s: Fraction) -> str:
    return f"{int(time_s) // STRETCH_S * STRETCH_S:05d}s/{round(time_s * 1000):08d}ms"


def film_pairs(config: DataConfig) -> list[FilmPair]:
    """The pairs of films of `config.path`, sorted by name.

    Files are found by the rules for images: hidden files and folders, and files of DVC, are left
    out. Raises UserError if there are none, a film has no partner, is of a kind that is not read or
    has the name of a split, or there are links to folders.
    """
    root = Path(config.path)
    refuse_linked_folders(root)
    files = {folder: all_files(root / folder) for folder in _folders(config)}
    sides = {folder: _films(root / folder, paths) for folder, paths in files.items()}
    _note_unused(root, files)
    _refuse_unread(root, files, sides)
    folders = " and ".join(sides)
    names = sorted(set[str]().union(*sides.values()))
    if not names:
        raise UserError(f"data.path: {root} holds no films ({', '.join(SUFFIXES)}) in {folders}")
    lone = [name for name in names if any(name not in films for films in sides.values())]
    if lone:
        lacking = next(folder for folder, films in sides.items() if lone[0] not in films)
        raise UserError(
            f"data.path: {root}: the film {lone[0]} has no film of the same name in {lacking} "
            f"({len(lone)} such); each film needs one in each of {folders}"
        )
    return [FilmPair(name, tuple(films[name] for films in sides.values())) for name in names]


def _folders(config: DataConfig) -> list[str]:
    """The folders of A, B and the extra sources."""
    return [config.folder_a, config.folder_b, *(extra.folder for extra in config.extra_sources)]


def _films(folder: Path, paths: Sequence[Path]) -> dict[str, Path]:
    """The films among the files of a folder, by their relative paths without suffix."""
    found: dict[str, Path] = {}
    for path in paths:
        name, suffix = stem_and_suffix(path.relative_to(folder))
        if suffix not in SUFFIXES:
            continue
        if name in found:
            raise UserError(f"{found[name]} and {path} have one name; rename one")
        if split_of(name) is not None:
            raise UserError(
                f"{path}: the folder of its frames, {name}, would be taken for that of a split; "
                "rename the film on each side"
            )
        found[name] = path
    return found


def _refuse_unread(
    root: Path, files: Mapping[str, Sequence[Path]], sides: Mapping[str, Mapping[str, Path]]
) -> None:
    """Raise UserError for films of kinds that are not read, unless one that is read has the name.

    Where both sides have such a film, the pair would be missing and nobody would know.
    """
    unread = []
    for folder, paths in files.items():
        for path in paths:
            name, suffix = stem_and_suffix(path.relative_to(root / folder))
            if suffix in UNREAD_SUFFIXES and name not in sides[folder]:
                unread.append(path)
    if unread:
        kinds = " and ".join(sorted({path.suffix.lower() for path in unread}))
        raise UserError(
            f"data.path: {root}: {kinds} files are not read, and there are {len(unread)}: "
            f"{first_names(relative_paths(root, unread))}; write them anew, for example as .mkv "
            "(`ffmpeg -i IN -c copy OUT.mkv`), or take them away"
        )


def _note_unused(root: Path, files: Mapping[str, Sequence[Path]]) -> None:
    """Log which files beside the films are not used."""
    in_sides = {path for paths in files.values() for path in paths}
    others = sorted(path for path in in_sides if not _is_film(path))
    if others:
        names = first_names(relative_paths(root, others))
        logger.info("ignored %s of other kinds: %s", counted(len(others), "file"), names)
    elsewhere = [path for path in all_files(root) if _is_film(path) and path not in in_sides]
    if elsewhere:
        logger.warning(
            "%s in none of the folders %s: %s",
            counted(len(elsewhere), "unused film", verb="lie"),
            ", ".join(files),
            first_names(relative_paths(root, elsewhere)),
        )


def _is_film(path: Path) -> bool:
    return path.suffix.lower() in (*SUFFIXES, *UNREAD_SUFFIXES)


def frame_pairs(
    pair: FilmPair, frames_per_s: float | None
) -> Iterator[tuple[Fraction, list[np.ndarray]]]:
    """The time in seconds, and the frame (H, W, 3) uint8 of each film, of all pairs of the films.

    There are `frames_per_s` of them in a second; None: one for each frame of film A. The frame of
    a time is the one that is being shown then. Raises UserError if the lengths of the films differ
    by more than a frame.
    """
    films = [_Film(path) for path in pair.films]
    end_s = _common_length(films)
    first, *others = films
    for time_s, frame in _chosen(first, frames_per_s):
        if time_s >= end_s:
            return
        yield time_s, [frame.image(), *(each.at(time_s).image() for each in others)]


class _Film:
    """A film, decoded once. Tells which frame is shown at a time, for times that do not decrease.

    How long it lasts is known before: the last time is read from the packets.
    """

    def __init__(self, path: Path) -> None:
        facts = inspect(path)
        self.path = path
        self._frames, self._time_base = film_frames(path), facts.time_base
        self._shown = self._first = next(self._frames)
        self._next = next(self._frames, None)
        self.length_s = self._time_s(facts.last_pts) + facts.last_duration_s
        self.frame_s = max(facts.last_duration_s, 1 / facts.rate)

    def __iter__(self) -> Iterator[tuple[Fraction, FilmFrame]]:
        """The frames that have not been asked for, and the one that is shown, with their times."""
        yield self._time_s(self._shown.pts), self._shown
        while self._advance():
            yield self._time_s(self._shown.pts), self._shown

    def at(self, time_s: Fraction) -> FilmFrame:
        while self._next is not None and self._time_s(self._next.pts) <= time_s:
            self._advance()
        return self._shown

    def _advance(self) -> bool:
        """Show the next frame; False if there is none."""
        if self._next is None:
            return False
        self._shown, self._next = self._next, next(self._frames, None)
        return True

    def _time_s(self, pts: int) -> Fraction:
        """Seconds since the first frame."""
        return (pts - self._first.pts) * self._time_base


def _chosen(film: _Film, frames_per_s: float | None) -> Iterator[tuple[Fraction, FilmFrame]]:
    """Frames of a film at equal distances, with their times; each frame for None."""
    if frames_per_s is None:
        yield from film
        return
    # As it is written: the nearest fraction to the float 0.1 has a denominator of 2 to the 55th.
    step_s = 1 / Fraction(str(frames_per_s))
    for number in itertools.count():
        yield number * step_s, film.at(number * step_s)


def _common_length(films: Sequence[_Film]) -> Fraction:
    """The shorter length in seconds. Raises UserError if they differ by more than a frame."""
    first, *others = films
    for other in others:
        if abs(first.length_s - other.length_s) > max(first.frame_s, other.frame_s):
            raise UserError(
                f"{first.path} lasts {float(first.length_s):.2f} s and {other.path} "
                f"{float(other.length_s):.2f} s; cut both to the same scene"
            )
    return min(film.length_s for film in films)
