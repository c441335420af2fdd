import json
from dataclasses import asdict

import numpy as np
import pytest
from pydantic import TypeAdapter

from pix2pix.data.input_statistics import InputStatistics, calibrate, measure
from pix2pix.data.palette import label_colours, share_of_palette
from pix2pix.sources.facade.house import draw_house
from pix2pix.sources.facade.layout import label_map

RANGE = (0.0, 255.0)


def facades(first: int, number: int) -> np.ndarray:
    """Label maps of drawn facades."""
    houses = (draw_house(64, np.random.default_rng(i))[1] for i in range(first, first + number))
    return np.stack([label_map(64, parts) for parts in houses])


def calibrated(train: np.ndarray, dev: np.ndarray) -> InputStatistics:
    return calibrate(train, iter(dev), value_range=RANGE, palette=label_colours(train))


def num_flagged(statistics: InputStatistics, images: np.ndarray) -> int:
    return sum(bool(statistics.unlike(image, RANGE)) for image in images)


def test_the_numbers_are_shares_of_the_value_range() -> None:
    stripes = np.zeros((4, 6, 1), np.uint16)
    stripes[:, ::2] = 4000
    assert measure(stripes, (0.0, 4000.0)) == {
        "mean of channel 1": 0.5,
        "deviation of channel 1": 0.5,
        "roughness of channel 1": 0.5,  # every neighbour at the side differs, none below
    }


@pytest.mark.parametrize("num_dev", [1, 60, 99, 250])
def test_at_most_one_in_a_hundred_dev_images_is_flagged(num_dev: int) -> None:
    random = np.random.default_rng(1)
    # Wider than the training's, so that without the calibration most dev images would be outside.
    train, dev = (
        random.normal(128, spread, (number, 1, 1, 1)).clip(0, 255).astype(np.uint8)
        * np.ones((1, 8, 8, 1), np.uint8)
        for spread, number in ((5, 40), (40, num_dev))
    )
    statistics = calibrated(train, dev)
    assert num_flagged(statistics, dev) == num_dev // 100  # and the ranges are no wider than needed


@pytest.mark.parametrize("outlier", [0, 255])
def test_a_single_training_image_does_not_widen_the_ranges(outlier: int) -> None:
    levels = np.array([100] * 400 + [outlier], np.uint8)
    train = np.broadcast_to(levels[:, None, None, None], (401, 8, 8, 1))
    assert num_flagged(calibrated(train, train[:0]), train[[0, -1]]) == 1


def test_negatives_noise_and_pictures_are_unlike_drawn_label_maps() -> None:
    train, dev, others = facades(0, 40), facades(40, 20), facades(60, 20)
    statistics = calibrated(train, dev)
    assert num_flagged(statistics, dev) == 0
    assert num_flagged(statistics, others) <= 1
    noise = np.random.default_rng(0).integers(0, 256, others.shape, dtype=np.uint8)
    for strange in (255 - others, noise, np.zeros_like(others)):
        assert num_flagged(statistics, strange) == len(others)
    (what, *_) = statistics.unlike(255 - others[0], RANGE)
    assert "in training" in what


def test_it_is_the_same_after_the_card_was_written_and_read() -> None:
    statistics = calibrated(facades(0, 5), facades(5, 2))
    adapter = TypeAdapter(InputStatistics)
    assert adapter.validate_json(json.dumps(asdict(statistics))) == statistics


def test_the_palette_has_the_most_frequent_colour_first() -> None:
    image = np.zeros((1, 2, 3, 3), np.uint8)
    image[0, 0, 0] = (0, 128, 255)
    assert label_colours(image) == ("#000000", "#0080ff")
    assert share_of_palette(image[0], ("#0080ff",)) == pytest.approx(1 / 6)


def test_pictures_of_many_colours_and_of_other_kinds_have_no_palette() -> None:
    random = np.random.default_rng(0)
    assert label_colours(random.integers(0, 256, (1, 9, 9, 3), dtype=np.uint8)) is None
    assert label_colours(np.zeros((1, 4, 4, 1), np.uint8)) is None
    assert label_colours(np.zeros((1, 4, 4, 3), np.uint16)) is None
