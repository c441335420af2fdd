import pytest
import torch

from pix2pix.models import DiscriminatorConfig, PatchDiscriminator


@pytest.mark.parametrize(("num_layers", "count"), [(3, 2_768_705), (0, 9_024)])
def test_published_sizes_have_the_published_numbers_of_parameters(
    num_layers: int, count: int
) -> None:
    discriminator = PatchDiscriminator(DiscriminatorConfig(num_layers=num_layers))
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == count


@pytest.mark.parametrize(
    ("num_layers", "side"), [(0, 256), (1, 126), (2, 62), (3, 30), (4, 14), (5, 6)]
)
def test_256_px_give_logits_of_the_published_size(num_layers: int, side: int) -> None:
    config = DiscriminatorConfig(base_channels=2, num_layers=num_layers)
    logits = PatchDiscriminator(config)(torch.zeros(1, 6, 256, 256))
    assert logits.shape == (1, 1, side, side)


@pytest.mark.parametrize(
    ("num_layers", "patch_px"), [(0, 1), (1, 16), (2, 34), (3, 70), (4, 142), (5, 286)]
)
def test_each_logit_depends_on_a_patch_of_the_published_size(
    num_layers: int, patch_px: int
) -> None:
    """The pixels on which the gradient of a logit is not zero (Isola et al. 2017, sec. 6.1.2)."""
    torch.manual_seed(0)
    size = 512
    config = DiscriminatorConfig(base_channels=2, num_layers=num_layers, norm="none")
    pair = torch.randn(1, 6, size, size, requires_grad=True)
    logits = PatchDiscriminator(config)(pair)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    assert pair.grad is not None
    seen = pair.grad.abs().sum(dim=(0, 1)) > 0
    assert (seen.any(dim=1).sum().item(), seen.any(dim=0).sum().item()) == (patch_px, patch_px)


def test_a_gray_source_and_a_colour_target_make_four_input_channels() -> None:
    discriminator = PatchDiscriminator(DiscriminatorConfig(in_channels=4, base_channels=2))
    assert discriminator(torch.zeros(1, 4, 64, 64)).shape == (1, 1, 6, 6)


def test_more_than_five_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="num_layers must be 0 to 5, got 6"):
        DiscriminatorConfig(num_layers=6)
