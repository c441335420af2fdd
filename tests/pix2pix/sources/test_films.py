"""The frames of pairs of films, at which times and with which names."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.groups import group_of
from pix2pix.images.image import read_image
from pix2pix.sources import films as film_source
from pix2pix.sources.films import FilmPair, extract_pairs, frame_pairs
from tests.support.film_pairs import CLIPS, STEP, brightness, config, grey, with_depth, write_pair
from tests.support.films import write_film

STRETCHES = r"(.+/\d+s)/"


def test_each_frame_of_a_is_with_the_frame_of_b_that_is_shown_then(tmp_path: Path) -> None:
    """A has 25 frames a second, B 12.5: two frames of A have the same partner."""
    films, out = tmp_path / "films", tmp_path / "out"
    write_pair(
        films, "x.mkv", times_a=list(range(0, 7 * 512, 512)), times_b=list(range(0, 4096, 1024))
    )
    assert extract_pairs(config(films), out) == 7
    found = brightness(out)
    assert list(found) == [f"x/00000s/{40 * i:08d}ms" for i in range(7)]
    for index, (a, b) in enumerate(found.values()):
        assert a == pytest.approx(10 + STEP * index, abs=1)
        assert b == pytest.approx(110 + STEP * (index // 2), abs=1)


def test_times_count_from_the_first_frame_of_each_film_to_the_end_of_the_shorter(
    tmp_path: Path,
) -> None:
    """B begins a second later by its own clock, and has a frame more."""
    second, frame = 12800, 512
    write_pair(
        tmp_path,
        "x.mkv",
        times_a=list(range(0, 5 * frame, frame)),
        times_b=list(range(second, second + 6 * frame, frame)),
    )
    pair = FilmPair("x", (tmp_path / "A/x.mkv", tmp_path / "B/x.mkv"))
    for frames_per_s, num_pairs in ((None, 5), (25.0, 5), (50.0, 10)):
        found = list(frame_pairs(pair, frames_per_s))
        assert len(found) == num_pairs
        of_a = [5 * index // num_pairs for index in range(num_pairs)]
        brightnesses = [[image.mean() for image in images] for _, images in found]
        expected = [[10 + STEP * index, 110 + STEP * index] for index in of_a]
        np.testing.assert_allclose(brightnesses, expected, atol=1)


def test_extra_sources_have_the_frame_that_is_shown_then(tmp_path: Path) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    write_pair(films, "x.mkv", times_a=[0, 512, 1024, 1536], times_b=[0, 512, 1024, 1536])
    path = films / "D" / "x.mkv"
    path.parent.mkdir()
    write_film(
        path, grey(3, 200), pts=[0, 1024, 1536], codec="ffv1", pixel_format="yuv444p", options={}
    )  # fmt: skip
    assert extract_pairs(with_depth(films), out) == 4
    found = [read_image(image).mean() for image in sorted((out / "D").rglob("*.png"))]
    assert found == pytest.approx([200, 200, 200 + STEP, 200 + 2 * STEP], abs=1)


def test_frames_at_equal_distances_of_films_of_variable_rate(tmp_path: Path) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    second = 12800
    write_pair(
        films, "deep/x.mkv",
        times_a=[0, 100, second, 2 * second, 3 * second], times_b=[0, second // 2, 3 * second],
    )  # fmt: skip
    assert extract_pairs(config(films, frames_per_s=1.0), out) == 4
    found = brightness(out)
    assert list(found) == [f"deep/x/00000s/{1000 * i:08d}ms" for i in range(4)]
    shown = np.array([(0, 0), (2, 1), (3, 1), (4, 2)])
    expected = (10, 110) + STEP * shown
    np.testing.assert_allclose(list(found.values()), expected, atol=1)


@pytest.mark.parametrize(
    ("frames_per_s", "milliseconds"),
    [
        (0.0004, [0, 2_500_000]),
        (0.0007, [0, 1_428_571, 2_857_143]),
        (0.1, range(0, 2_999_000, 10_000)),
    ],
)
def test_frames_are_as_many_in_a_second_as_is_written(
    frames_per_s: float, milliseconds: Sequence[int], tmp_path: Path
) -> None:
    write_pair(tmp_path, "x.mkv", times_a=[0, 2998 * 12800], times_b=[0, 2998 * 12800])
    pair = FilmPair("x", (tmp_path / "A/x.mkv", tmp_path / "B/x.mkv"))
    found = [round(1000 * time_s) for time_s, _ in frame_pairs(pair, frames_per_s)]
    assert found == list(milliseconds)


def test_a_frame_that_begins_at_a_chosen_time_is_taken(tmp_path: Path) -> None:
    """0.1 is somewhat more as a float, of which the step is somewhat less than ten seconds."""
    times = [0, 10 * 12800, 20 * 12800]
    write_pair(tmp_path, "x.mkv", times_a=times, times_b=times)
    pair = FilmPair("x", (tmp_path / "A/x.mkv", tmp_path / "B/x.mkv"))
    found = [[image.mean() for image in images] for _, images in frame_pairs(pair, 0.1)]
    expected = [[10 + STEP * index, 110 + STEP * index] for index in range(3)]
    np.testing.assert_allclose(found, expected, atol=1)


def test_frames_of_the_same_millisecond_are_all_kept(tmp_path: Path) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    for side, first in (("A", 10), ("B", 110)):
        (films / side).mkdir(parents=True)
        # 1/12800 s each; .mkv would round to milliseconds.
        write_film(films / side / "x.mp4", grey(4, first), pts=[0, 4, 6, 13])
    assert extract_pairs(config(films), out) == 4
    names = [
        f"x/00000s/{name}" for name in ("00000000ms", "00000000ms-1", "00000000ms-2", "00000001ms")
    ]
    found = brightness(out)
    expected = [(10 + STEP * index, 110 + STEP * index) for index in range(4)]
    np.testing.assert_allclose([found[name] for name in names], expected, atol=1)


def test_each_film_is_read_and_decoded_once_and_no_frame_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, object]] = []

    def logged(module: object, name: str) -> None:
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda what: asked.append((name, what)) or function(what))

    write_pair(tmp_path, "x.mkv", times_a=[0, 512, 1024], times_b=[0, 512, 1024])
    logged(film_source, "inspect")
    logged(film_source, "film_frames")
    logged(os, "fsync")
    assert extract_pairs(config(tmp_path), tmp_path / "out") == 3
    paths = [tmp_path / side / "x.mkv" for side in "AB"]
    assert sorted(asked) == [(name, path) for name in ("film_frames", "inspect") for path in paths]


def test_extracting_again_gives_the_same_files(tmp_path: Path) -> None:
    films = tmp_path / "films"
    write_pair(films, "x.mkv", times_a=[0, 512, 1024], times_b=[0, 512, 1024])
    for name in ("one", "two"):
        extract_pairs(config(films), tmp_path / name)
    one, two = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*.png")}
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) == 6


def test_clips_and_stretches_are_groups(tmp_path: Path) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    times = [12800 * second for second in range(12)]
    for name in ("x.mkv", "y.mkv"):
        write_pair(films, name, times_a=times, times_b=times)
    assert extract_pairs(config(films, frames_per_s=0.5), out) == 12
    ids = list(brightness(out))
    assert {group_of(each, CLIPS) for each in ids} == {"x", "y"}
    assert {group_of(each, STRETCHES) for each in ids} == {
        "x/00000s", "x/00010s", "y/00000s", "y/00010s",
    }  # fmt: skip
