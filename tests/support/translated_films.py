from pathlib import Path

import numpy as np

from pix2pix.film.colour import to_rgb
from pix2pix.film.frames import film_frames
from pix2pix.inference import Translator
from pix2pix.inference.film_frames import translate_frames
from tests.support.films import (
    from_rgb,
)

LOSSLESS = 0  # the constant rate factor at which H.264 changes nothing


UNEVEN = (0, 500, 1100, 1200, 3000, 9000, 9512, 9600, 9800, 10000)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def expected_frames(film: Path, translator: Translator) -> list[np.ndarray]:
    """What the film must show: each frame translated by itself, at half the colour resolution."""
    shown = []
    for frame in film_frames(film):
        result = translate_frames(translator, frame.image()[None], scale="training")[0]
        colour = frame.look.colour
        shown.append(to_rgb(from_rgb(result, colour, pixel_format="yuv420p"), colour))
    return shown


def folder(tmp_path: Path) -> Path:
    made = tmp_path / "films"
    made.mkdir()
    return made
