"""The scores on the dev split that the champion is chosen by, from their definition."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.evaluation.dev_score import score_on_dev, target_features
from pix2pix.checkpoint import load_generator
from pix2pix.data.manifest import load_manifest
from pix2pix.data.masks import VALID
from pix2pix.data.prepared import open_split
from pix2pix.data.ranges import to_network
from pix2pix.models import DiscriminatorConfig, GeneratorConfig, InferenceNetwork, translate
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.masked_pairs import constant, masked_params, write_masked_pairs
from tests.support.model_folders import write_model


class SeenImages:
    """An extractor whose features are all pixels of the first channel."""

    def __call__(self, images: Tensor) -> Tensor:
        return images[:, 0].flatten(1).double()


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Pairs with holes in sources and targets."""
    root = write_masked_pairs(tmp_path / "raw", constant(np.nan))
    prepare_pairs(root, tmp_path / "prepared", masked_params().data, num_workers=1)
    return tmp_path / "prepared"


@pytest.fixture
def model(tmp_path: Path, prepared: Path) -> Path:
    manifest = load_manifest(prepared)
    torch.manual_seed(0)
    write_model(
        tmp_path / "model",
        source=manifest.source,
        target=manifest.target,
        generator=GeneratorConfig(source_channels=1, target_channels=1, base_channels=2, depth=5),
        discriminator=DiscriminatorConfig(in_channels=2, base_channels=2, num_layers=1),
    )
    return tmp_path / "model"


def levels(image: Tensor) -> np.ndarray:
    """The 256 levels of an image (H, W) in [-1, 1], in a row."""
    return ((image + 1) * 127.5).round().numpy().ravel()


def test_only_pixels_with_a_value_count_and_features_see_the_target_in_the_others(
    prepared: Path, model: Path
) -> None:
    found = score_on_dev(model, prepared, SeenImages())
    assert found.features is not None
    generator, card = load_generator(model)
    network = InferenceNetwork(generator, card.inference_mode)
    dev, side = open_split(prepared, "dev"), load_manifest(prepared).target
    assert len(found.l1) == len(found.features) == len(dev) == 2
    assert dev.mask is not None
    for row in range(len(dev)):
        source, target = (
            to_network(torch.from_numpy(np.array(images[row])[None]), side.value_range)
            for images in (dev.source, dev.target)
        )
        fake = translate(network, source.contiguous(), seeds=[card.seed])[0, 0]
        target = target[0, 0]
        valid = torch.from_numpy(np.asarray(dev.mask[row])[..., 0] == VALID)
        assert 0 < valid.double().mean() < 1
        expected = 0.5 * (fake - target)[valid].abs().double().mean()
        assert found.l1[row] == pytest.approx(float(expected), rel=1e-5)
        seen = levels(torch.where(valid, fake, target))
        np.testing.assert_allclose(found.features[row], seen, atol=1)


def test_features_of_the_targets_are_those_of_the_stored_images(prepared: Path) -> None:
    found = target_features(prepared, SeenImages())
    dev, side = open_split(prepared, "dev"), load_manifest(prepared).target
    expected = to_network(torch.from_numpy(np.array(dev.target)), side.value_range)
    np.testing.assert_array_equal(found, [levels(image[0]) for image in expected])


def test_without_an_extractor_there_are_no_features(prepared: Path, model: Path) -> None:
    assert score_on_dev(model, prepared, None).features is None
