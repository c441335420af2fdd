from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pix2pix.film.frames import film_frames, paired_frames
from pix2pix.film.opening import FilmError, inspect
from tests.support.films import TIME_BASE, moving_square, write_film, write_sound

TURNS = {
    (0, False): lambda image: image,
    (90, False): np.rot90,
    (180, False): lambda image: np.rot90(image, 2),
    (-90, False): lambda image: np.rot90(image, -1),
    (0, True): lambda image: image[:, ::-1],
    (90, True): lambda image: np.rot90(image)[:, ::-1],
    (180, True): lambda image: np.rot90(image, 2)[:, ::-1],
    (-90, True): lambda image: np.rot90(image, -1)[:, ::-1],
}


@pytest.mark.parametrize("rotation", TURNS)
def test_frames_are_turned_upright(rotation: tuple[float, bool], tmp_path: Path) -> None:
    turn: Callable[[np.ndarray], np.ndarray] = TURNS[rotation]
    frames = moving_square(2, height=48)
    film = write_film(tmp_path / "x.mp4", frames, rotation=rotation, pixel_aspect=Fraction(4, 3))
    for found, stored in zip(film_frames(film), frames, strict=True):
        expected = turn(stored)
        assert found.image().shape == expected.shape
        assert np.abs(found.image().astype(int) - expected).mean() < 4
        is_turned = expected.shape[0] == 64
        assert found.look.pixel_aspect == (Fraction(3, 4) if is_turned else Fraction(4, 3))


@pytest.mark.parametrize("name", ["take:2.mp4", "http:x.mp4", "-x.mp4", "50%.mp4", "%03d.mp4"])
def test_a_film_in_the_current_folder_may_have_any_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_film(tmp_path / name, moving_square(2))
    monkeypatch.chdir(tmp_path)
    assert inspect(Path(name)).num_frames == 2
    assert len(list(film_frames(Path(name)))) == 2


def test_other_turns_are_refused(tmp_path: Path) -> None:
    film = write_film(tmp_path / "x.mp4", moving_square(1), rotation=(30, False))
    with pytest.raises(FilmError, match=r"x\.mp4 is to be shown turned by other angles"):
        next(film_frames(film))


def test_frames_come_in_the_order_of_their_times_with_b_frames(tmp_path: Path) -> None:
    pts = [0, 500, 1100, 1200, 3000, 9000, 9512, 9600]
    film = write_film(tmp_path / "x.mp4", moving_square(8), pts=pts)
    facts = inspect(film)
    assert facts.num_frames == 8
    assert facts.last_pts * facts.time_base == pts[-1] * TIME_BASE
    found = list(film_frames(film))
    assert [frame.pts * facts.time_base for frame in found] == [each * TIME_BASE for each in pts]


def test_the_duration_of_the_last_frame_is_known(tmp_path: Path) -> None:
    assert inspect(write_film(tmp_path / "x.mp4", moving_square(3))).last_duration_s == Fraction(
        1, 25
    )


def test_a_last_frame_without_a_duration_lasts_as_long_as_the_others(tmp_path: Path) -> None:
    film = write_film(tmp_path / "x.wmv", moving_square(3), codec="wmv2", options={})
    with av.open(str(film)) as container:
        assert [packet.duration for packet in container.demux(video=0) if packet.size][-1] == 0
    assert inspect(film).last_duration_s == Fraction(1, 25)


def write_text(path: Path) -> None:
    path.write_text("hello")


def write_picture(path: Path) -> None:
    path.write_bytes((Path(__file__).parents[3] / "docs" / "maps.png").read_bytes())


def write_nothing(path: Path) -> None:
    pass


def write_without_frames(path: Path) -> None:
    write_film(path, np.zeros((1, 64, 64, 3), np.uint8)[:0])


def cut_off(share: float, container_options: dict[str, str]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_film(path, moving_square(40), container_options=container_options, sound="aac")
        path.write_bytes(path.read_bytes()[: round(share * path.stat().st_size)])

    return write


def list_of_films(head: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_film(path.with_name("part.ts"), moving_square(3))
        path.write_text(f"{head}part.ts\n")

    return write


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("x.mp4", list_of_films("ffconcat version 1.0\nfile "), "is a list of other films"),
        (
            "x.m3u8",
            list_of_films("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"),
            "is a list of other films",
        ),
        ("x.mp4", write_text, "cannot be read as a film: Invalid data"),
        ("x.mp4", write_picture, "is a single picture"),
        ("x.mp4", write_nothing, "does not exist; correct the name"),
        ("x.mp4", write_sound, "holds sound alone"),
        ("x.mkv", write_sound, "holds sound alone"),
        (
            "x.mp4",
            write_without_frames,
            "(holds no frames|no pictures|cannot be read as a film|does not exist)",
        ),
        ("x.mp4", cut_off(0.5, {}), "cannot be read as a film: Invalid data"),
        ("x.mp4", cut_off(0.6, {"movflags": "faststart"}), "is cut off: its header names 40"),
        ("x.mkv", cut_off(0.5, {}), "is cut off: its header names 1.6 s"),
    ],
)
def test_what_is_no_whole_film_is_named(
    name: str, write: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    with pytest.raises(FilmError, match=rf"{name} {said}"):
        inspect(tmp_path / name)


def test_a_damaged_frame_is_named_with_its_time(tmp_path: Path) -> None:
    film = write_film(tmp_path / "x.mp4", moving_square(40), options={"crf": "4", "g": "8"})
    content = bytearray(film.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    film.write_bytes(content)
    inspect(film)  # its packets are all there
    with pytest.raises(FilmError, match=r"x\.mp4 (is damaged|cannot be decoded) after 0\.\d s"):
        list(film_frames(film))


def test_films_of_unlike_length_are_no_pair(tmp_path: Path) -> None:
    three = write_film(tmp_path / "three.mp4", moving_square(3))
    four = write_film(tmp_path / "four.mp4", moving_square(4))
    assert len(list(paired_frames(three, three))) == 3
    with pytest.raises(FilmError, match=r"three\.mp4 has 3 frames, and .*four\.mp4 has more"):
        list(paired_frames(four, three))


@pytest.mark.parametrize(("name", "codec"), [("x.mkv", "libx264"), ("x.avi", "mpeg4")])
def test_a_film_that_begins_late_or_has_gaps_is_whole(
    name: str, codec: str, tmp_path: Path
) -> None:
    pts = [12800 + 512 * index for index in (*range(29), 40)]
    film = write_film(tmp_path / name, moving_square(30), pts=pts, codec=codec, options={"bf": "0"})
    assert inspect(film).num_frames == len(list(film_frames(film))) == 30


def test_a_damaged_last_frame_is_named(tmp_path: Path) -> None:
    film = write_film(tmp_path / "x.mp4", moving_square(12), options={"bf": "0"})
    with av.open(str(film)) as opened:
        last = [packet for packet in opened.demux(video=0) if packet.size][-1]
        first_byte, size = last.pos, last.size
    assert first_byte is not None
    content = bytearray(film.read_bytes())
    content[first_byte : first_byte + size] = b"\xff" * size
    film.write_bytes(content)
    with pytest.raises(FilmError, match=r"x\.mp4 (is damaged|cannot be decoded) after 0\.\d s"):
        list(film_frames(film))


def test_a_fragmented_film_that_is_cut_off_is_named(tmp_path: Path) -> None:
    pieces = {"movflags": "frag_keyframe+empty_moov"}
    film = write_film(
        tmp_path / "x.mp4", moving_square(40), options={"g": "8"}, container_options=pieces
    )
    film.write_bytes(film.read_bytes()[: round(0.6 * film.stat().st_size)])
    with pytest.raises(FilmError, match=r"x\.mp4 is damaged or cut off after \d\.\d s; copy it"):
        inspect(film)


def test_a_stream_without_a_container_has_no_times(tmp_path: Path) -> None:
    film = write_film(tmp_path / "x.h264", moving_square(3))
    with pytest.raises(FilmError, match=r"x\.h264 holds frames without times; write the film anew"):
        inspect(film)
