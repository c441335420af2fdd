import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.film.flicker import flicker


def panning(num_frames: int) -> np.ndarray:
    """A textured picture, smooth enough to be followed, that moves by 3 px a frame."""
    rows, columns = np.mgrid[:96, : 96 + 3 * num_frames]
    waves = [np.sin(rows / a) * np.cos(columns / b) for a, b in ((5, 7), (9, 4), (6, 11))]
    picture = (128 + 100 * np.stack(waves, axis=2)).astype(np.uint8)
    return np.stack([picture[:, 3 * index : 3 * index + 96] for index in range(num_frames)])


def test_what_moves_with_its_source_does_not_flicker() -> None:
    frames = panning(4)
    measured = flicker(zip(frames, 255 - frames, strict=True))
    assert measured.result == pytest.approx(measured.source, abs=1e-3)
    assert measured.result < 0.01
    assert measured.compared > 0.85
    assert measured.num_frames == 4


def test_what_comes_into_the_picture_is_compared_with_nothing() -> None:
    """The last 3 of 96 columns of each frame were not in the frame before."""
    frames = panning(4)
    assert flicker(zip(frames, frames, strict=True)).compared <= 93 / 96


def test_a_brightness_that_changes_by_ten_flickers_by_ten() -> None:
    frames = panning(5)
    alternating = np.stack(
        [np.full_like(frame, 100 + 10 * (index % 2)) for index, frame in enumerate(frames)]
    )
    assert flicker(zip(frames, alternating, strict=True)).result == pytest.approx(10 / 255)


def test_a_picture_that_stands_still_over_a_moving_source_flickers() -> None:
    frames = panning(4)
    still = flicker(zip(frames, np.stack([frames[0]] * 4), strict=True))
    assert still.result > 5 * still.source


def test_results_of_another_size_are_measured_at_their_own() -> None:
    frames = panning(3)
    half = frames[:, ::2, ::2]
    assert flicker(zip(frames, half, strict=True)).result < 0.03


def test_one_frame_cannot_flicker() -> None:
    with pytest.raises(UserError, match="two frames"):
        flicker([(panning(1)[0], panning(1)[0])])
