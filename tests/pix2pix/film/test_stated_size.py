"""Films that are cut off, of which libav takes what is there for the whole film."""

from pathlib import Path

import pytest

from pix2pix.film.opening import FilmError, inspect
from pix2pix.film.stated_size import num_missing_bytes
from tests.support.films import moving_square, write_film

PIECES = {"movflags": "frag_keyframe+empty_moov"}
FILMS = [
    ("x.avi", "mjpeg", "yuvj420p", {}),
    ("x.wmv", "wmv2", "yuv420p", {}),
    ("x.mp4", "libx264", "yuv420p", PIECES),
    ("x.mov", "libx264", "yuv420p", {"movflags": "faststart"}),
]


@pytest.mark.parametrize(("name", "codec", "pixel_format", "container_options"), FILMS)
def test_what_a_film_lacks_of_its_own_size_is_counted_and_named(
    name: str,
    codec: str,
    pixel_format: str,
    container_options: dict[str, str],
    tmp_path: Path,
) -> None:
    film = write_film(
        tmp_path / name,
        moving_square(40),
        codec=codec,
        pixel_format=pixel_format,
        options={},
        container_options=container_options,
    )
    content = film.read_bytes()
    assert (num_missing_bytes(film), inspect(film).num_frames) == (0, 40)
    film.write_bytes(content[:-50])
    assert num_missing_bytes(film) == 50
    with pytest.raises(FilmError, match=rf"{name} is (cut off|damaged)"):
        inspect(film)
    film.write_bytes(content[: len(content) // 2])
    with pytest.raises(FilmError, match=rf"{name} is (cut off|damaged)"):
        inspect(film)
    film.write_bytes(content + b"what some cameras append")
    assert (num_missing_bytes(film), inspect(film).num_frames) == (0, 40)


def test_an_avi_whose_writer_could_not_state_its_size_is_read(tmp_path: Path) -> None:
    film = write_film(
        tmp_path / "x.avi", moving_square(12), codec="mjpeg", pixel_format="yuvj420p", options={}
    )
    content = bytearray(film.read_bytes())
    for stated in (0, 2**32 - 1, len(content)):
        content[4:8] = stated.to_bytes(4, "little")
        film.write_bytes(content)
        assert num_missing_bytes(film) == 0
