"""Score a model image by image on the prepared dev split, to compare it with another model."""

from pathlib import Path

import numpy as np

from pipelines.evaluation.device import inference_device
from pix2pix.checkpoint import load_generator
from pix2pix.data.loader import EvalBatches
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.evaluation.extractors import FeatureExtractor
from pix2pix.evaluation.features import extract_features, to_rgb8
from pix2pix.evaluation.paired import ModelScores
from pix2pix.evaluation.quality import image_quality
from pix2pix.models import InferenceNetwork
from pix2pix.tiled.batches import translated
from pix2pix.valid_pixels import with_target_where_masked

_BATCH_SIZE = 8  # images; it affects only the speed


def score_on_dev(
    model_dir: Path, prepared_dir: Path, extractor: FeatureExtractor | None
) -> ModelScores:
    """Return L1 of each dev image, and the features of its translation with an extractor.

    The model runs in its own inference mode. It must fit the data, see `model_fit.misfit`.
    """
    generator, card = load_generator(model_dir)
    network = InferenceNetwork(generator.to(inference_device()), card.inference_mode)
    l1, features = [], []
    for batch in _batches(prepared_dir):
        fake = translated(network, batch.source.contiguous(), seed=card.seed)
        l1.append(image_quality(fake, batch.target, batch.valid).l1)
        fake = with_target_where_masked(fake, batch.target, batch.valid)
        rgb = to_rgb8(fake)
        if extractor is not None and rgb is not None:
            features.append(extractor(rgb).numpy())
    return ModelScores(
        l1=np.concatenate(l1), features=np.concatenate(features) if features else None
    )


def target_features(prepared_dir: Path, extractor: FeatureExtractor) -> np.ndarray | None:
    """The features (N, F) of the dev targets; None if they have no RGB form."""
    targets = (batch.target for batch in _batches(prepared_dir))
    return extract_features(targets, extractor)


def _batches(prepared_dir: Path) -> EvalBatches:
    """The dev pairs, in [-1, 1]."""
    manifest = load_manifest(prepared_dir)
    return EvalBatches(
        open_split(prepared_dir, "dev"),
        source=manifest.source,
        target=manifest.target,
        extra=manifest.extra_sides,
        batch_size=_BATCH_SIZE,
        device=inference_device(),
    )
