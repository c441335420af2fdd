"""Against the definitions of ITU-R BT.601, BT.709 and BT.2020, not against libswscale."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from pix2pix.film.assembly import assemble
from pix2pix.film.colour import Colour, colour_of, to_rgb
from pix2pix.film.encoding import H264, Encoding, Timed, kind_of, write_part
from pix2pix.film.frames import Look, film_frames
from tests.support.films import from_rgb, moving_square, write_film

WEIGHTS = {  # of red and blue in the luma
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.BT2020: (0.2627, 0.0593),
}
MARKS = {Colorspace.ITU601: 6, Colorspace.ITU709: 1, Colorspace.BT2020: 9}
RANGES = (ColorRange.MPEG, ColorRange.JPEG)


def some_colours() -> np.ndarray:
    blocks = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


def colour(matrix: Colorspace, colour_range: ColorRange) -> Colour:
    return Colour(matrix, colour_range, MARKS[matrix], 2, 2)


def defined(image: np.ndarray, matrix: Colorspace, colour_range: ColorRange) -> np.ndarray:
    """Y', Cb and Cr, (3, H, W), of 8 bits before rounding."""
    red, green, blue = np.moveaxis(image / 255.0, 2, 0)
    of_red, of_blue = WEIGHTS[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    differences = (blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)
    if colour_range == ColorRange.JPEG:
        return np.stack([255 * luma, *(255 * each + 128 for each in differences)])
    return np.stack([219 * luma + 16, *(224 * each + 128 for each in differences)])


@pytest.mark.parametrize("colour_range", RANGES)
@pytest.mark.parametrize("matrix", MARKS)
def test_both_directions_are_those_of_the_standard(
    matrix: Colorspace, colour_range: ColorRange
) -> None:
    image, how = some_colours(), colour(matrix, colour_range)
    frame = from_rgb(image, how, pixel_format="yuv444p")
    assert np.abs(frame.to_ndarray() - defined(image, matrix, colour_range)).max() < 1.1
    assert (frame.colorspace, frame.color_range) == (MARKS[matrix], colour_range)
    back = to_rgb(frame, how)
    assert np.abs(back.astype(int) - image).max() <= 2


@pytest.mark.parametrize("colour_range", RANGES)
@pytest.mark.parametrize("matrix", MARKS)
def test_a_round_trip_at_half_the_resolution_of_colours_changes_little(
    matrix: Colorspace, colour_range: ColorRange
) -> None:
    image, how = moving_square(1)[0], colour(matrix, colour_range)
    error = to_rgb(from_rgb(image, how, pixel_format="yuv420p"), how).astype(int) - image
    assert np.abs(error).mean() < 2.2
    # No channel becomes brighter or darker, but for the rounding of libswscale at full range.
    bound = 0.2 if colour_range == ColorRange.MPEG else 1.5
    assert np.abs(error.mean(axis=(0, 1))).max() < bound


@pytest.mark.parametrize(
    ("marked", "matrix", "height", "meant"),
    [
        ("unmarked", None, 64, Colorspace.ITU601),
        ("unmarked", None, 720, Colorspace.ITU709),
        ("marked", Colorspace.ITU601, 720, Colorspace.ITU601),
        ("marked", Colorspace.BT2020, 64, Colorspace.BT2020),
    ],
)
def test_marks_are_read_and_what_an_unmarked_film_is_taken_for_is_marked(
    marked: str, matrix: Colorspace | None, height: int, meant: Colorspace, tmp_path: Path
) -> None:
    film = write_film(tmp_path / "x.mkv", np.zeros((1, height, 64, 3), np.uint8), matrix=matrix)
    found = next(film_frames(film)).look.colour
    assert found.matrix == meant
    assert found.range == ColorRange.MPEG
    assert found.marked_matrix == MARKS[meant]


def test_a_film_that_is_stored_as_rgb_is_read_exactly(tmp_path: Path) -> None:
    frames = moving_square(2)
    film = write_film(
        tmp_path / "x.mkv", frames, codec="libx264rgb", pixel_format="rgb24", options={"crf": "0"}
    )
    for found, expected in zip(film_frames(film), frames, strict=True):
        np.testing.assert_array_equal(found.image(), expected)
        assert found.look.colour.range == ColorRange.MPEG


@pytest.mark.parametrize("name", ["x.mp4", "x.webm"])
@pytest.mark.parametrize("pixel_format", ["gray", "yuv444p"])
def test_an_unmarked_film_keeps_its_colours_at_another_size(
    pixel_format: str, name: str, tmp_path: Path
) -> None:
    """Players take unmarked films of 720 lines otherwise, and Y'CbCr otherwise than grey."""
    image = np.zeros((360, 64, 3), np.uint8)
    image[:] = (90, 90, 90) if pixel_format == "gray" else (20, 200, 60)
    film = write_film(tmp_path / "in.mkv", image[None], codec="ffv1", pixel_format=pixel_format,
                      options={}, colour_range=ColorRange.UNSPECIFIED)  # fmt: skip
    frame = next(film_frames(film))
    before = frame.image()
    part = tmp_path / "part.nut"
    codec = kind_of(tmp_path / name).codec
    encoding = Encoding(codec, 4, Fraction(1, 25), Fraction(25))
    larger = before.repeat(2, axis=0)
    write_part(part, [Timed(larger, 0)], look=frame.look, encoding=encoding)
    assemble(film, [part], tmp_path / name, look=frame.look, last_duration_s=Fraction(1, 25),
             with_sound=False, comment="made by a test")  # fmt: skip
    after = next(film_frames(tmp_path / name))
    np.testing.assert_allclose(after.image(), larger, atol=2)
    assert after.look.colour == frame.look.colour


def test_a_matrix_that_is_not_known_is_refused() -> None:
    frame = from_rgb(some_colours(), colour(Colorspace.ITU601, ColorRange.MPEG),
                     pixel_format="yuv444p")  # fmt: skip
    frame.colorspace = 8  # YCgCo
    with pytest.raises(ValueError, match="colour matrix 8"):
        colour_of(frame)


def test_colours_do_not_move_where_a_film_is_encoded_and_decoded(tmp_path: Path) -> None:
    """The middle of the redness of a red stripe is the middle of the stripe."""
    image = np.full((32, 64, 3), 110, np.uint8)
    image[:, 24:40] = (200, 80, 80)
    how = colour(Colorspace.ITU709, ColorRange.MPEG)
    look = Look(how, (1, 0, 0, 1), None)
    part = tmp_path / "x.nut"
    encoding = Encoding(H264, 0, Fraction(1, 25), Fraction(25))
    write_part(part, [Timed(image, 0)], look=look, encoding=encoding)
    row = next(film_frames(part)).image()[16].astype(float)
    redness = row[:, 0] - row[:, 1]
    middle = (np.arange(64) * redness).sum() / redness.sum()
    assert middle == pytest.approx(31.5, abs=0.1)
