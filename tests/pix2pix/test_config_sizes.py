"""The sizes and scales of images in params.yaml, and the depth that follows."""

import copy
import dataclasses
from typing import Any

import pytest

from pix2pix.config import Params, Scale, Size, generator_depth, parse_params
from tests.support.mappings import setting


def test_two_equal_lengths_are_a_square(default_params: Params) -> None:
    """Else equal settings would give unlike hashes of the data, and unlike protocols."""
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    setting("data.image_size", [128, 128])(mapping)
    assert parse_params(mapping) == default_params


@pytest.mark.parametrize(
    ("image_size", "depth"),
    [
        ((64, 96), 5),
        ((256, 512), 8),
        (32, 5),
        (96, 5),
        (64, 6),
        (128, 7),
        (256, 8),
        (512, 8),
        (1024, 8),
    ],
)
def test_the_depth_is_as_many_halvings_as_the_size_allows(image_size: Size, depth: int) -> None:
    assert generator_depth(image_size, None) == depth
    assert generator_depth(image_size, 4) == 4


@pytest.mark.parametrize(
    ("load_size", "message"),
    [
        ([200, 100], r"load_size \(\[200, 100\]\) must be one number with resize: fit"),
        (63, r"load_size \(63\) is smaller than image_size \(\[64, 128\]\)"),
        (None, r"load_size \(null\) must be a size with resize: fit; set it"),
    ],
)
def test_fit_needs_the_length_of_the_shorter_side(
    default_params: Params, load_size: object, message: str
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"resize": "fit", "image_size": [64, 128], "load_size": load_size}
    with pytest.raises(ValueError, match=message):
        parse_params(mapping)
    mapping["data"]["load_size"] = 64
    assert parse_params(mapping).data.scale("test") == Scale("fit", 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"layout": "side_by_side"},
            r"side_by_side shows A and B in halves of one size; set side_a",
        ),
        (
            {"resize": "none", "load_size": None, "scale": None},
            r"set side_b\.scale, or resize: fit",
        ),
        ({"scale": 0}, r"data\.side_b\.scale: Input should be greater than 0"),
    ],
)
def test_a_scale_that_nothing_can_follow_is_refused(
    default_params: Params, changes: dict[str, Any], message: str
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"source": "folder", "path": "photos", "layout": "two_folders"}
    mapping["data"]["side_b"]["scale"] = changes.pop("scale", 2)
    assert changes or mapping["data"]["side_b"]["scale"] == 0
    mapping["data"] |= changes
    with pytest.raises(ValueError, match=message):
        parse_params(mapping)


@pytest.mark.parametrize(("direction", "expected"), [("AtoB", 2.0), ("BtoA", 0.5)])
def test_the_scale_of_targets_follows_the_direction(
    default_params: Params, direction: str, expected: float
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"source": "folder", "path": "x", "layout": "two_folders"}
    mapping["data"] |= {"direction": direction}
    mapping["data"]["side_b"]["scale"] = 2
    assert parse_params(mapping).data.target_scale == expected
    mapping["data"]["side_a"]["scale"] = None
    assert parse_params(mapping).data.target_scale is None


def test_images_that_are_no_squares_are_not_laid_on_their_side(
    default_params: Params,
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"image_size": [64, 128], "load_size": [64, 128]}
    mapping["augment"]["rotate_90"] = 0.5
    with pytest.raises(ValueError, match=r"rotate_90 \(0\.5\) .* \[64, 128\] on their side; set"):
        parse_params(mapping)
    mapping["augment"]["rotate_90"] = 0.0
    assert parse_params(mapping).depth == 6
