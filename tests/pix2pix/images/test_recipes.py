"""What each recipe makes of a photo: shapes, ranges, closed forms, and what it depends on."""

import os
from dataclasses import replace

import numpy as np
import pytest

from pix2pix.config import RecipeConfig, load_params
from pix2pix.images.recipes import made_from
from tests.support.small_sets import PARAMS, noise

RECIPE = load_params(PARAMS).data.recipe
RANGE = (0.0, 255.0)


def make(photo: np.ndarray, pair_id: str = "x", **changes: object) -> np.ndarray:
    return made_from(photo, recipe(**changes), pair_id=pair_id, value_range=RANGE)


def recipe(**changes: object) -> RecipeConfig:
    return replace(RECIPE, **changes)


def test_grayscale_is_the_luma_of_rec_601() -> None:
    photo = noise(0)
    expected = np.rint(photo.astype(float) @ (0.299, 0.587, 0.114))
    assert np.array_equal(make(photo, kind="grayscale")[..., 0], expected)


def test_edges_are_a_black_line_where_the_brightness_steps() -> None:
    photo = np.zeros((40, 40, 3), np.uint8)
    photo[:, 20:] = 200
    drawn = make(photo, kind="edges", blur_px=0.0)
    assert drawn.shape == (40, 40, 1)
    columns = np.flatnonzero((drawn[..., 0] == 0).all(axis=0))
    assert len(columns) == 1
    assert columns[0] in (19, 20)
    assert (drawn == 255).sum() == drawn.size - 40


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_lines_have_the_width_that_is_asked_for(width: int) -> None:
    photo = np.zeros((40, 40, 3), np.uint8)
    photo[:, 20:] = 200
    drawn = make(photo, kind="edges", blur_px=0.0, line_px=width)
    assert (drawn[..., 0] == 0).all(axis=0).sum() == width
    assert (drawn == 255).sum() == drawn.size - 40 * width


def test_edges_below_the_thresholds_are_not_drawn() -> None:
    """The Sobel gradient of a step of d grey levels is 4 d."""
    photo = np.zeros((40, 40, 1), np.uint8)
    photo[:, 20:] = 25
    shown, hidden = ((90.0, 99.0), (90.0, 101.0))
    assert (make(photo, kind="edges", blur_px=0.0, thresholds=shown) == 0).any()
    assert (make(photo, kind="edges", blur_px=0.0, thresholds=hidden) == 255).all()


def test_a_sketch_leaves_flat_parts_white_and_draws_what_is_darker_than_around_it() -> None:
    photo = np.full((40, 40, 3), 120, np.uint8)
    photo[18:22, 18:22] = 30
    drawn = make(photo, kind="sketch", blur_px=4.0)[..., 0]
    assert (drawn[0] == 255).all()
    assert drawn[20, 20] < 128


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_mask_hides_the_share_in_black_and_leaves_the_rest(share: float) -> None:
    photo = noise(1, size=100) // 2 + 60
    made = make(photo, kind="mask", hidden_share=share)
    hidden = (made == 0).all(axis=2)
    assert np.array_equal(made[~hidden], photo[~hidden])
    # The last shape may be a rectangle of 0.4 x 0.4, or a stroke over the diagonal.
    assert share <= hidden.mean() < share + 0.16


def test_the_noise_has_its_standard_deviation_and_no_mean() -> None:
    photo = np.full((200, 200, 1), 128, np.uint8)
    made = make(photo, kind="degrade", blur_px=0.0, noise=0.1).astype(float)
    assert made.mean() == pytest.approx(128, abs=0.5)
    assert made.std() == pytest.approx(25.5, rel=0.02)


def test_shrinking_averages_blocks() -> None:
    photo = noise(2, size=40)
    made = make(photo, kind="degrade", blur_px=0.0, noise=0.0, shrink=4.0)
    blocks = photo.reshape(10, 4, 10, 4, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(made - blocks).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("kind", ["mask", "degrade"])
def test_what_is_random_depends_on_the_seed_and_the_name_alone(kind: str) -> None:
    photo = noise(3, size=64)
    made = make(photo, kind=kind)
    assert np.array_equal(made, make(photo, kind=kind))
    assert not np.array_equal(made, make(photo, "y", kind=kind))
    assert not np.array_equal(made, make(photo, kind=kind, seed=1))


@pytest.mark.parametrize("kind", ["mask", "degrade"])
def test_names_that_are_not_utf8_make_something_random_as_well(kind: str) -> None:
    photo = noise(3, size=64)
    made = [make(photo, os.fsdecode(name), kind=kind) for name in (b"fen\xeatre", b"fen\xeb")]
    assert not np.array_equal(*made)


@pytest.mark.parametrize("kind", ["grayscale", "mask", "degrade"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_other_dtypes_keep_their_dtype_and_range(kind: str, dtype: str) -> None:
    photo = noise(4, dtype=dtype)
    top = 1.0 if dtype == "float32" else 65535.0
    made = made_from(photo, recipe(kind=kind), pair_id="x", value_range=(0.0, top))
    assert made.dtype == photo.dtype
    assert made.min() >= 0
    assert made.max() <= top


@pytest.mark.parametrize("kind", ["edges", "sketch"])
def test_a_drawing_does_not_depend_on_the_units_of_the_photo(kind: str) -> None:
    photo = noise(5)
    wide = photo.astype(np.float32) * 10 - 1000
    made = made_from(wide, recipe(kind=kind), pair_id="x", value_range=(-1000.0, 1550.0))
    grey = made_from(photo.astype(np.float32), recipe(kind=kind), pair_id="x", value_range=RANGE)
    assert made.dtype == np.uint8
    assert np.array_equal(made, grey)
