"""Pairs of films for the source `video`.

Frames are told apart by their brightness: frame i of a film is (10 + STEP * i) grey throughout.
"""

import dataclasses
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig, load_params
from pix2pix.config.extra_source import ExtraSource
from pix2pix.images.image import read_image
from tests.support.films import write_film

ROOT = Path(__file__).parents[2]
CLIPS = r"(.+)/\d+s/"
STEP = 8  # of brightness from frame to frame; converting colours moves it by 1


def config(films: Path, **changes: object) -> DataConfig:
    data = load_params(ROOT / "params" / "default.yaml").data
    own = {"source": "video", "path": str(films), "layout": "two_folders", "group": CLIPS}
    return dataclasses.replace(data, **{**own, "frames_per_s": None, **changes})


def with_depth(films: Path) -> DataConfig:
    """The parameters of films with a third film beside A and B."""
    sides = config(films)
    return dataclasses.replace(
        sides, extra_sources=(ExtraSource(name="depth", folder="D", side=sides.side_b),)
    )


def grey(num_frames: int, first: int = 10) -> np.ndarray:
    values = first + STEP * np.arange(num_frames, dtype=np.uint8)
    return np.broadcast_to(values[:, None, None, None], (num_frames, 32, 32, 3)).copy()


def write_pair(root: Path, name: str, *, times_a: list[int], times_b: list[int]) -> None:
    for side, times, first in (("A", times_a, 10), ("B", times_b, 110)):
        path = root / side / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_film(
            path, grey(len(times), first), pts=times, codec="ffv1", pixel_format="yuv444p",
            options={},
        )  # fmt: skip


def empty_files(films: Path, *names: str) -> None:
    """Files whose names alone are read."""
    for name in names:
        (films / name).parent.mkdir(parents=True, exist_ok=True)
        (films / name).touch()


def brightness(directory: Path) -> dict[str, tuple[float, float]]:
    """The brightness of both images of each pair, by pair id."""
    return {
        path.relative_to(directory / "A").with_suffix("").as_posix(): (
            read_image(path).mean(),
            read_image(directory / "B" / path.relative_to(directory / "A")).mean(),
        )
        for path in sorted((directory / "A").rglob("*.png"))
    }
