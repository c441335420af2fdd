"""Translate the frames of a film part by part, so that finished parts outlive an interruption."""

import logging
import time
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipelines.translation.image_line import image_line
from pix2pix.errors import UserError
from pix2pix.files import put_in_place, written_to
from pix2pix.film.encoding import Encoding, Timed, write_part
from pix2pix.film.frames import FilmFrame, film_frames
from pix2pix.images.names import printable
from pix2pix.inference import InferenceScale, Translator
from pix2pix.inference.film_frames import translate_frames
from pix2pix.memory import no_traceback_of_memory
from pix2pix.plural import counted

PART_FRAMES = 96  # so many frames are lost at most when the translation is interrupted
# Frames that are in memory at a time. The translator itself chooses how many it computes at once.
BATCH_FRAMES = 8
_PROGRESS_S = 10.0


class TranslatedParts(NamedTuple):
    """The files of a translated film, in order, and how many frames they have together."""

    paths: list[Path]
    num_frames: int


logger = logging.getLogger(__name__)


def translate_parts(
    translator: Translator,
    film: Path,
    folder: Path,
    *,
    num_frames: int,
    encoding: Encoding,
    scale: InferenceScale,
) -> TranslatedParts:
    """Translate `film` to parts in `folder` that are not there yet; return all.

    Frames of finished parts are decoded again, because not every film can be entered in its middle
    exactly, but not translated. A part begins with the same frame, and its batches are the same,
    in whichever run it is made. A warning says if the film has fewer frames than `num_frames`, the
    number of its packets. Raises UserError, StorageError.
    """
    progress = _Progress(film.name, num_frames)
    frames = film_frames(film)
    parts: list[Path] = []
    while (first := next(frames, None)) is not None:
        part = folder / f"{len(parts):06d}.nut"
        rest = islice(frames, PART_FRAMES - 1)
        if part.exists():
            progress.skip(1 + sum(1 for _ in rest))
        else:
            partial = part.with_suffix(".partial")
            with written_to(part), no_traceback_of_memory(str(film)):
                images = _translated(translator, chain([first], rest), scale, progress)
                write_part(partial, images, look=first.look, encoding=encoding)
                put_in_place(partial, part)
        parts.append(part)
    if progress.num_frames < num_frames:
        logger.warning(
            "%s stores %s, of which %d can be decoded; the others are left out",
            printable(film),
            counted(num_frames, "frame"),
            progress.num_frames,
        )
    return TranslatedParts(parts, progress.num_frames)


def _translated(
    translator: Translator,
    frames: Iterator[FilmFrame],
    scale: InferenceScale,
    progress: "_Progress",
) -> Iterator[Timed]:
    while batch := list(islice(frames, BATCH_FRAMES)):
        images = np.stack([frame.image() for frame in batch])
        try:
            results = translate_frames(translator, images, scale=scale)
        except UserError as error:
            raise UserError(f"frame at {batch[0].time_s:.2f} s: {error}") from None
        progress.add(len(batch))
        for frame, result in zip(batch, results, strict=True):
            yield Timed(result, frame.pts)


class _Progress:
    """Logs how far a film is; frames of an earlier run do not count for the time that is left."""

    def __init__(self, name: str, num_frames: int) -> None:
        self._name = name
        self._expected = num_frames
        self._skipped = self._done = 0
        self._logged_s = self._started_s = time.monotonic()

    @property
    def num_frames(self) -> int:
        """How many frames are done."""
        return self._skipped + self._done

    def skip(self, num_frames: int) -> None:
        self._skipped += num_frames
        logger.info("%s: %s there already", self._name, counted(self._skipped, "frame"))
        self._started_s = time.monotonic()

    def add(self, num_frames: int) -> None:
        self._done += num_frames
        now_s = time.monotonic()
        if now_s - self._logged_s < _PROGRESS_S:
            return
        self._logged_s = now_s
        elapsed_s = now_s - self._started_s
        left = max(self._expected - self._skipped, self._done)
        line = image_line(self._name, self._done / left, elapsed_s)
        logger.info("%s (%.1f frames/s)", line, self._done / elapsed_s)
