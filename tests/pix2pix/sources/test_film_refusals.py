"""Films that are refused, with the file and what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pix2pix.errors import UserError
from pix2pix.preparation.folders import _OTHER_NAMES, SPLIT_FOLDERS
from pix2pix.sources.films import FilmPair, extract_pairs, film_pairs, frame_pairs
from tests.support.film_pairs import config, empty_files, grey, with_depth, write_pair
from tests.support.films import write_film


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


@pytest.mark.parametrize("num_frames", [9, 7])
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_films_may_differ_by_a_frame_of_the_slower_one(
    names: str, num_frames: int, tmp_path: Path
) -> None:
    """a has 25 frames a second. b has four frames and lasts 0.415 s, 0.104 s each."""
    write_film(tmp_path / "a.mp4", grey(num_frames))
    write_film(tmp_path / "b.mp4", grey(4), pts=[0, 1600, 3200, 4800])
    pair = FilmPair("x", tuple(tmp_path / f"{name}.mp4" for name in names))
    if num_frames == 9:  # 0.36 s: nearly one and a half frames of its own less
        assert len(list(frame_pairs(pair, 25.0))) == 9
    else:
        with pytest.raises(UserError, match=r"0\.\d+ s; cut both to the same scene"):
            next(frame_pairs(pair, 25.0))


@pytest.mark.parametrize("partners", [("A/y.flv", "B/y.flv"), ("A/y.FLV", "B/y.mp4")])
def test_films_of_kinds_that_are_not_read_are_named(
    partners: tuple[str, str], tmp_path: Path
) -> None:
    empty_files(tmp_path, "A/x.mp4", "B/x.mp4", "A/z.m2ts", "B/z.m2ts", *partners)
    with pytest.raises(
        UserError,
        match=r"\.flv and \.m2ts files are not read, and there are [34]: A/y\.[flvFLV]+, A/z\.m2ts",
    ):
        film_pairs(config(tmp_path))


@pytest.mark.parametrize("name", [*SPLIT_FOLDERS, *_OTHER_NAMES, "Train"])
def test_a_film_that_is_called_like_a_split_is_refused(name: str, tmp_path: Path) -> None:
    """Its frames would all be in that split."""
    empty_files(tmp_path, f"A/{name}.mp4", f"B/{name}.mp4")
    with pytest.raises(UserError, match=f"A/{name}.mp4: .* would be taken for that of a split"):
        film_pairs(config(tmp_path))


def test_a_film_that_an_extra_source_lacks_is_named(tmp_path: Path) -> None:
    films = tmp_path / "films"
    write_pair(films, "x.mkv", times_a=[0, 512], times_b=[0, 512])
    with pytest.raises(UserError, match="the film x has no film of the same name in D"):
        extract_pairs(with_depth(films), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_films_behind_a_link_to_a_folder_are_not_left_out_unnoticed(tmp_path: Path) -> None:
    films = tmp_path / "films"
    for folder in ("A", "B", "more"):
        (films / folder).mkdir(parents=True)
    (films / "A/scene1").symlink_to(films / "more")
    with pytest.raises(UserError, match=r"links to folders, .*\(1 of them\): .*A/scene1"):
        extract_pairs(config(films), tmp_path / "out")


def test_films_need_groups_and_two_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs a group, .* set group: \(\.\+\)/\\d\+s/"):
        config(tmp_path, group=None)
    with pytest.raises(ValueError, match="needs layout: two_folders"):
        config(tmp_path, layout="side_by_side")
