"""Frames are told apart by their brightness: frame i of a film is (10 + i) grey throughout."""

import dataclasses
import logging
import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import DataConfig, load_params
from pix2pix.config.extra_source import ExtraSource
from pix2pix.data.groups import group_of
from pix2pix.errors import UserError
from pix2pix.images.image import read_image
from pix2pix.preparation.folders import _OTHER_NAMES, SPLIT_FOLDERS
from pix2pix.sources import films as film_source
from pix2pix.sources.films import FilmPair, extract_pairs, film_pairs, frame_pairs
from tests.support.films import write_film

ROOT = Path(__file__).parents[3]
CLIPS = r"(.+)/\d+s/"
STRETCHES = r"(.+/\d+s)/"


def config(films: Path, **changes: object) -> DataConfig:
    data = load_params(ROOT / "params" / "default.yaml").data
    own = {"source": "video", "path": str(films), "layout": "two_folders", "group": CLIPS}
    return dataclasses.replace(data, **{**own, "frames_per_s": None, **changes})


STEP = 8  # of brightness from frame to frame; converting colours moves it by 1


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


def brightness(directory: Path) -> dict[str, tuple[float, float]]:
    """The brightness of both images of each pair, by pair id."""
    return {
        path.relative_to(directory / "A").with_suffix("").as_posix(): (
            read_image(path).mean(),
            read_image(directory / "B" / path.relative_to(directory / "A")).mean(),
        )
        for path in sorted((directory / "A").rglob("*.png"))
    }


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


def with_depth(films: Path) -> DataConfig:
    """The parameters of films with a third film beside A and B."""
    sides = config(films)
    return dataclasses.replace(
        sides, extra_sources=(ExtraSource(name="depth", folder="D", side=sides.side_b),)
    )


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


def test_films_behind_a_link_to_a_folder_are_not_left_out_unnoticed(tmp_path: Path) -> None:
    films = tmp_path / "films"
    for folder in ("A", "B", "more"):
        (films / folder).mkdir(parents=True)
    (films / "A/scene1").symlink_to(films / "more")
    with pytest.raises(UserError, match=r"1 link\(s\) to folders, .*A/scene1"):
        extract_pairs(config(films), tmp_path / "out")


def test_a_film_that_an_extra_source_lacks_is_named(tmp_path: Path) -> None:
    films = tmp_path / "films"
    write_pair(films, "x.mkv", times_a=[0, 512], times_b=[0, 512])
    with pytest.raises(UserError, match="the film x has no film of the same name in D"):
        extract_pairs(with_depth(films), tmp_path / "out")
    assert not (tmp_path / "out").exists()


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


def no_partner(films: Path) -> None:
    write_pair(films, "x.mkv", times_a=[0], times_b=[0])
    (films / "A" / "x.mkv").rename(films / "A" / "y.mkv")


def unlike_lengths(films: Path) -> None:
    write_pair(films, "x.mkv", times_a=[0, 512, 1024, 12800], times_b=[0, 512, 1024])


def no_films(films: Path) -> None:
    (films / "A").mkdir(parents=True)
    (films / "A" / "x.png").write_text("")


def two_of_a_name(films: Path) -> None:
    write_pair(films, "x.mkv", times_a=[0], times_b=[0])
    (films / "A" / "x.mp4").write_bytes((films / "A" / "x.mkv").read_bytes())


def no_film(films: Path) -> None:
    write_pair(films, "x.mkv", times_a=[0], times_b=[0])
    (films / "B" / "x.mkv").write_text("hello")


def empty_files(films: Path, *names: str) -> None:
    """Files whose names alone are read."""
    for name in names:
        (films / name).parent.mkdir(parents=True, exist_ok=True)
        (films / name).touch()


@pytest.mark.parametrize("partners", [("A/y.flv", "B/y.flv"), ("A/y.FLV", "B/y.mp4")])
def test_films_of_kinds_that_are_not_read_are_named(
    partners: tuple[str, str], tmp_path: Path
) -> None:
    empty_files(tmp_path, "A/x.mp4", "B/x.mp4", "A/z.m2ts", "B/z.m2ts", *partners)
    with pytest.raises(
        UserError, match=r"are \.flv and \.m2ts files, .* A/y\.[flvFLV]+, A/z\.m2ts"
    ):
        film_pairs(config(tmp_path))


def test_a_kind_that_is_not_read_may_lie_beside_one_that_is(tmp_path: Path) -> None:
    empty_files(tmp_path, "A/x.mp4", "B/x.mp4", "A/x.flv")
    assert [pair.name for pair in film_pairs(config(tmp_path))] == ["x"]


def test_composed_and_decomposed_names_are_the_same(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    empty_files(tmp_path, f"A/{names[0]}.mp4", f"B/{names[1]}.mp4")
    assert [pair.name for pair in film_pairs(config(tmp_path))] == [names[0]]


def test_hidden_folders_hold_no_films(tmp_path: Path) -> None:
    empty_files(tmp_path, "A/x.mp4", "B/x.mp4", "A/.trash/y.mp4", "B/__MACOSX/z.mp4")
    assert [pair.name for pair in film_pairs(config(tmp_path))] == ["x"]


@pytest.mark.parametrize("name", [*SPLIT_FOLDERS, *_OTHER_NAMES, "Train"])
def test_a_film_that_is_called_like_a_split_is_refused(name: str, tmp_path: Path) -> None:
    """Its frames would all be in that split."""
    empty_files(tmp_path, f"A/{name}.mp4", f"B/{name}.mp4")
    with pytest.raises(UserError, match=f"A/{name}.mp4: .* would be taken for that of a split"):
        film_pairs(config(tmp_path))


def test_a_film_in_a_folder_may_be_called_like_a_split(tmp_path: Path) -> None:
    empty_files(tmp_path, "A/test/train.mp4", "B/test/train.mp4")
    assert [pair.name for pair in film_pairs(config(tmp_path))] == ["test/train"]


def test_files_that_are_not_used_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    empty_files(
        tmp_path, "A/x.mp4", "B/x.mp4", "A/x.srt", "train/A/y.mp4", "raw/z.flv", "notes.txt"
    )
    film_pairs(config(tmp_path))
    assert caplog.messages == [
        "1 file(s) of other kinds are ignored: A/x.srt",
        "2 film(s) lie in none of the folders A, B and are not used: raw/z.flv, train/A/y.mp4",
    ]


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (no_partner, r"the film x has no film of the same name in A \(2 such\)"),
        (unlike_lengths, r"A/x\.mkv lasts 1\.\d\d s and .*B/x\.mkv 0\.\d\d s; cut both"),
        (no_films, "holds no films"),
        (two_of_a_name, "have one name"),
        (no_film, r"B/x\.mkv cannot be read as a film"),
    ],
)
def test_films_that_are_no_pairs_are_named(
    write: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    write(tmp_path / "films")
    with pytest.raises(UserError, match=said):
        extract_pairs(config(tmp_path / "films"), tmp_path / "out")
    assert not list(tmp_path.glob("out/**/*.png"))


def test_films_need_groups_and_two_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs a group, .* set group: \(\.\+\)/\\d\+s/"):
        config(tmp_path, group=None)
    with pytest.raises(ValueError, match="needs layout: two_folders"):
        config(tmp_path, layout="side_by_side")
