"""The two ways in which the decoder doubles the size."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.models import (
    GeneratorConfig,
    InferenceNetwork,
    PatchDiscriminator,
    UNetGenerator,
    translate,
)
from pix2pix.models.discriminator import DiscriminatorConfig
from pix2pix.models.initialization import initialize
from pix2pix.models.transfer import ParentNetworks, check_fits
from pix2pix.models.upsampling import kernel, upsampling

SMALL = {"base_channels": 4, "depth": 5, "dropout": 0.0}


def random(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("bias", [True, False])
def test_resize_repeats_each_pixel_and_then_convolves_3x3(bias: bool) -> None:
    torch.manual_seed(1)
    layer = upsampling("resize", 3, 5, bias=bias)
    x = random(2, 3, 6, 4)
    weight = layer.weight.transpose(0, 1).flip(2, 3)  # those of an ordinary convolution
    assert weight.shape == (5, 3, 3, 3)
    expected = F.conv2d(F.interpolate(x, scale_factor=2.0), weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(x), expected)


def test_its_kernel_is_not_rounded_where_the_network_computes_in_bfloat16() -> None:
    layer = upsampling("resize", 3, 5, bias=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(kernel(layer)[..., 0, 0], layer.weight[..., 0, 0])
        assert kernel(layer).dtype == torch.float32


def test_only_resize_maps_a_constant_to_a_constant() -> None:
    """The checkerboard of Odena et al. 2016: unlike sums of weights in neighbouring pixels."""
    for upsample, is_constant in (("resize", True), ("transposed", False)):
        torch.manual_seed(1)
        inner = upsampling(upsample, 1, 1, bias=False)(torch.ones(1, 1, 8, 8))[0, 0, 2:-2, 2:-2]
        assert torch.allclose(inner, inner[0, 0]) is is_constant


def test_the_published_way_is_the_layer_of_torch_and_the_default() -> None:
    assert GeneratorConfig().upsample == "transposed"
    assert type(upsampling("transposed", 2, 3, bias=True)) is torch.nn.ConvTranspose2d


def test_initial_weights_have_the_deviation_of_the_others() -> None:
    layer = upsampling("resize", 64, 64, bias=True)
    initialize(layer)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not layer.bias.any()


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_inference_computes_what_the_generator_computes(mode: str, norm: str) -> None:
    torch.manual_seed(1)
    generator = UNetGenerator(GeneratorConfig(**SMALL, norm=norm, upsample="resize"))
    source = random(1, 3, 64, 32)
    generator(source)  # statistics of batch norm
    expected = generator.train(mode == "published")(source)
    fake = translate(InferenceNetwork(generator, mode), source, seeds=[0])
    assert fake.shape == source.shape
    torch.testing.assert_close(fake, expected, atol=1e-5, rtol=0)


def test_a_parent_of_the_other_way_is_refused_with_the_parameter_to_set() -> None:
    discriminator = DiscriminatorConfig(base_channels=4)
    parent = ParentNetworks(
        UNetGenerator(GeneratorConfig(**SMALL)), PatchDiscriminator(discriminator)
    )
    with pytest.raises(ValueError, match=r"(?s)4x4 +.*3x3.*Set model\.upsample: transposed, or"):
        check_fits(parent, GeneratorConfig(**SMALL, upsample="resize"), discriminator)


def test_every_weight_of_resize_learns() -> None:
    generator = UNetGenerator(GeneratorConfig(**SMALL, upsample="resize"))
    generator(random(2, 3, 64, 64)).square().sum().backward()
    layers = [level.conv for level in generator.up]
    assert all(layer.weight.grad is not None for layer in layers)
    assert all(bool(layer.weight.grad.count_nonzero() > 0) for layer in layers)
