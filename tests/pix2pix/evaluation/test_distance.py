"""The distance by which trials of a study are compared."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.evaluation.distance import Distance, dev_distance
from pix2pix.evaluation.extractors import FeatureExtractor
from pix2pix.evaluation.features import to_rgb8
from pix2pix.evaluation.frechet import frechet_distance
from pix2pix.evaluation.kernel_distance import kernel_distance
from pix2pix.models import GeneratorConfig, InferenceNetwork, UNetGenerator, translate
from pix2pix.valid_pixels import Pairs

SEED = 3


def _generator(channels: int = 3) -> UNetGenerator:
    torch.manual_seed(0)
    config = GeneratorConfig(
        source_channels=3, target_channels=channels, base_channels=2, depth=4, norm="instance"
    )
    return UNetGenerator(config)


def _pairs(channels: int = 3, *, is_valid: bool | None = None) -> list[Pairs]:
    random = torch.Generator().manual_seed(1)
    source = torch.rand(6, 3, 16, 16, generator=random) * 2 - 1
    target = torch.rand(6, channels, 16, 16, generator=random) * 2 - 1
    parts = zip(source.split(4), target.split(4), strict=True)
    return [
        Pairs(*part, None if is_valid is None else torch.full((len(part[0]), 1, 16, 16), is_valid))
        for part in parts
    ]


def _measured(
    distance: Distance, extractor: FeatureExtractor, pairs: list[Pairs], channels: int = 3
) -> float:
    return dev_distance(
        _generator(channels),
        pairs,
        distance=distance,
        extractor=extractor,
        mode="published",
        seed=SEED,
    )


@pytest.mark.parametrize("is_valid", [None, True])
def test_it_is_that_of_the_features_of_translations_and_targets(
    extractor: FeatureExtractor, is_valid: bool | None
) -> None:
    """With the same dropout for each image."""
    network = InferenceNetwork(_generator(), "published")
    fakes = torch.cat(
        [
            translate(network, source, seeds=[SEED])
            for pairs in _pairs()
            for source in pairs.source.split(1)
        ]
    )
    targets = torch.cat([each.target for each in _pairs()])
    fake, real = (_features(images, extractor) for images in (fakes, targets))
    pairs = _pairs(is_valid=is_valid)
    frechet = _measured("frechet", extractor, pairs)
    assert frechet == pytest.approx(frechet_distance(fake, real), rel=1e-6)
    kernel, _ = kernel_distance(fake, real, subset_size=6, seed=SEED)
    assert _measured("kid", extractor, pairs) == pytest.approx(kernel, rel=1e-6)


def _features(images: Tensor, extractor: FeatureExtractor) -> np.ndarray:
    rgb = to_rgb8(images)
    assert rgb is not None
    return extractor(rgb).numpy()


def test_where_no_pixel_counts_nothing_is_apart(extractor: FeatureExtractor) -> None:
    pairs = _pairs(is_valid=False)
    assert _measured("frechet", extractor, pairs) == pytest.approx(0.0, abs=1e-6)


def test_images_without_an_rgb_form_are_refused(extractor: FeatureExtractor) -> None:
    with pytest.raises(UserError, match="images of 1 or 3 channels, these have 2"):
        _measured("frechet", extractor, _pairs(channels=2), channels=2)
