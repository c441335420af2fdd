"""The distance between generated and real dev images, in a feature space."""

from collections.abc import Iterable, Sequence
from typing import Literal, assert_never

import numpy as np
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.evaluation.extractors import FeatureExtractor
from pix2pix.evaluation.features import extract_features
from pix2pix.evaluation.frechet import frechet_distance
from pix2pix.evaluation.kernel_distance import kernel_distance
from pix2pix.models import InferenceMode, InferenceNetwork, UNetGenerator, translate
from pix2pix.valid_pixels import PairBatch, with_target_where_masked

Distance = Literal["frechet", "kid"]


def dev_distance(
    generator: UNetGenerator,
    batches: Iterable[PairBatch],
    *,
    distance: Distance,
    extractor: FeatureExtractor,
    mode: InferenceMode,
    seed: int,
) -> float:
    """Return the distance between the generator's images and the targets.

    Raises UserError if there are fewer than two images, or the targets have neither one nor three
    channels.
    """
    network = InferenceNetwork(generator, mode)
    pairs = [(_shown_fake(network, batch, seed=seed), batch.target) for batch in batches]
    fake, real = (_features(images, extractor) for images in zip(*pairs, strict=True))
    match distance:
        case "frechet":
            return frechet_distance(fake, real)
        case "kid":
            size = min(len(fake), len(real))
            return kernel_distance(fake, real, subset_size=size, seed=seed)[0]
        case _:
            assert_never(distance)


def _shown_fake(network: InferenceNetwork, batch: PairBatch, *, seed: int) -> Tensor:
    fake = translate(network, batch.source, seeds=[seed] * len(batch.source))
    return with_target_where_masked(fake, batch.target, batch.valid)


def _features(batches: Sequence[Tensor], extractor: FeatureExtractor) -> np.ndarray:
    features = extract_features(batches, extractor)
    if features is None:
        raise UserError(
            f"tune.objective: a feature distance needs images of 1 or 3 channels, these have "
            f"{batches[0].shape[1]}; use objective: l1"
        )
    return features
