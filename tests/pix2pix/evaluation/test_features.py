from dataclasses import replace

import numpy as np
import pytest
import torch

from pix2pix.evaluation.extractors import NetworkExtractor
from pix2pix.evaluation.features import extract_features, to_rgb8


def test_every_8_bit_level_is_the_same_after_the_range_of_minus_one_to_one() -> None:
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(to_rgb8(levels.float() / 127.5 - 1), levels)


def test_values_beyond_the_range_are_clipped() -> None:
    assert to_rgb8(torch.tensor([-3.0, 3.0, 0.0]).reshape(1, 3, 1, 1)).flatten().tolist() == [
        0,
        255,
        128,
    ]


def test_one_channel_becomes_gray() -> None:
    rgb = to_rgb8(torch.rand(2, 1, 4, 4))
    assert rgb.shape == (2, 3, 4, 4)
    assert torch.equal(rgb[:, 0], rgb[:, 2])


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channel_counts_have_no_rgb_form(channels: int, extractor: NetworkExtractor) -> None:
    images = torch.zeros(2, channels, 16, 16)
    assert to_rgb8(images) is None
    assert extract_features([images], extractor, size_px=(16, 16)) is None


@pytest.mark.parametrize("batch_size", [1, 4, 9])
def test_features_do_not_depend_on_the_batches(
    batch_size: int, extractor: NetworkExtractor
) -> None:
    images = torch.rand(9, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    features = extract_features(images.split(batch_size), extractor, size_px=(16, 16))
    np.testing.assert_array_equal(features, extractor(to_rgb8(images)).numpy())


@pytest.mark.parametrize("height", [16, 48])
def test_larger_images_are_resized_to_the_size_of_the_comparison(
    extractor: NetworkExtractor, height: int
) -> None:
    """Averaged, not sampled: every third line is white, so the result is a third of white."""
    lines = ((torch.arange(48) % 3 == 0) * 2.0 - 1).expand(2, 3, height, 48)
    seen = []
    watched = replace(
        extractor,
        features=lambda images: seen.append(images.shape[2:]) or extractor.features(images),
    )
    features = extract_features([lines], watched, size_px=(16, 16))
    np.testing.assert_allclose(features, 85, atol=10)
    assert set(seen) == {(16, 16)}


def test_no_images_have_no_features(extractor: NetworkExtractor) -> None:
    assert extract_features([], extractor, size_px=(16, 16)) is None
