"""A small feature extractor and the configuration that the tests of the evaluation share."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from pix2pix.config import EvaluateConfig, load_params
from pix2pix.evaluation.extractors import NetworkExtractor

PARAMS_PATH = Path(__file__).parents[3] / "params" / "default.yaml"


@pytest.fixture
def config() -> EvaluateConfig:
    return replace(load_params(PARAMS_PATH).evaluate, num_bootstrap=100)


@pytest.fixture
def extractor() -> NetworkExtractor:
    """An extractor of 48 features: the mean colours of a 4 x 4 grid."""
    return NetworkExtractor(
        name="colours",
        num_features=48,
        weights_sha256="0" * 64,
        device=torch.device("cpu"),
        features=lambda images: F.adaptive_avg_pool2d(images.double(), 4).flatten(1),
    )
