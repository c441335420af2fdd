import cv2
import numpy as np
import pytest

from pix2pix.images.grids import as_rgb8, as_tile, image_grid, write_png


def tile(value, height=64, width=64):
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize(
    ("dtype", "value_range"),
    [("uint8", (0, 255)), ("uint16", (0, 65535)), ("float32", (-1.0, 1.0)), ("uint8", (0, 5))],
)
def test_the_value_range_becomes_0_to_255_and_what_lies_outside_is_clipped(
    dtype, value_range
) -> None:
    low, high = value_range
    values = np.array([low, low + 0.2 * (high - low), high], dtype=dtype).reshape(1, 3, 1)
    np.testing.assert_array_equal(as_rgb8(values, value_range)[0, :, 0], [0, 51, 255])
    narrow = (low + 0.4 * (high - low), low + 0.6 * (high - low))
    np.testing.assert_array_equal(as_rgb8(values, narrow)[0, :, 0], [0, 0, 255])


def test_one_channel_is_gray_two_are_red_and_green_and_of_five_the_first_three_show() -> None:
    image = np.arange(0, 250, 50, dtype=np.uint8).reshape(1, 1, 5)
    shown = {n: as_rgb8(image[..., :n], (0, 255))[0, 0].tolist() for n in range(1, 6)}
    assert shown[1] == [0, 0, 0]
    assert as_rgb8(image[..., 3:4], (0, 255))[0, 0].tolist() == [150, 150, 150]
    assert shown[2] == [0, 50, 0]
    assert shown[3] == shown[4] == shown[5] == [0, 50, 100]


def test_tiles_stand_in_rows_and_columns_and_smaller_ones_are_centred() -> None:
    grid = image_grid([[tile(10), tile(20)], [tile(30), tile(40, 60, 50)]], gap_px=2)
    assert grid.shape == (130, 130, 3)
    expected = np.full((130, 130, 3), 255, np.uint8)
    expected[:64, :64], expected[:64, 66:] = 10, 20
    expected[66:, :64], expected[68:128, 73:123] = 30, 40
    np.testing.assert_array_equal(grid, expected)


def test_headings_are_dark_on_white_inside_their_columns_even_at_64_px() -> None:
    headings = ["source", "a long heading of many words", "translation after epoch 12"]
    grid = image_grid([[tile(128)] * 3], headings=headings, gap_px=4)
    strip = grid[: -64 - 4]
    for column in range(3):
        ink = strip[:, column * 68 : column * 68 + 64] < 128
        assert ink.sum() > 150
        assert not ink[:, :2].any()
        assert not ink[:, -2:].any()
        assert not ink[:1].any()
    np.testing.assert_array_equal(grid[-64:], image_grid([[tile(128)] * 3], gap_px=4))


def test_a_long_pair_id_is_wrapped_and_its_letters_stay_legible() -> None:
    """Over 64 px the name of a frame of a film has two lines more than its first word alone."""
    pair_id = "clip1/00000s/00001500ms"
    heights = [
        image_grid([[tile(128)]], headings=[heading]).shape[0]
        for heading in ("source", f"source {pair_id}")
    ]
    assert heights[1] - heights[0] >= 2 * 11
    long = image_grid([[tile(128)]], headings=[pair_id])[: -64 - 4]
    inked_rows = (long < 128).any(axis=(1, 2))
    tallest = max(len(run) for run in "".join("x" if row else " " for row in inked_rows).split())
    assert tallest >= 7
    assert not (long[:, -2:] < 128).any()


@pytest.mark.parametrize(
    ("size", "shown"),
    [((3, 3), (33, 33)), ((40, 1), (1000, 25)), ((16, 64), (32, 128)), ((40, 32), (40, 32))],
)
def test_images_of_a_few_pixels_are_enlarged_by_a_whole_factor(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    tile = as_tile(image, (0, 255))
    assert tile.shape[:2] == shown
    factor = shown[0] // size[0]
    np.testing.assert_array_equal(tile, np.kron(image, np.ones((factor, factor, 1), np.uint8)))


def test_headings_over_a_narrow_tile_have_room() -> None:
    grid = image_grid([[np.zeros((64, 1, 3), np.uint8)]], headings=["source"])
    assert grid.shape[1] == 32
    assert (grid[:-64] < 128).any()


def test_rows_and_headings_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of one length"):
        image_grid([[tile(0)], [tile(0), tile(0)]])
    with pytest.raises(ValueError, match="rows of one length"):
        image_grid([])
    with pytest.raises(ValueError, match="2 headings for 1 columns"):
        image_grid([[tile(0)]], headings=["a", "b"])


def test_a_written_png_reads_back_in_rgb_order_and_leaves_nothing_else(tmp_path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_png(tmp_path / "deep" / "grid.png", image)
    read = cv2.imread(str(tmp_path / "deep" / "grid.png"))[..., ::-1]
    np.testing.assert_array_equal(read, image)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["grid.png"]
