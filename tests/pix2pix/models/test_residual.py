import pytest
import torch

from pix2pix.models import GeneratorConfig, UNetGenerator
from pix2pix.models.residual import as_target


def test_the_source_stays_if_the_channels_agree() -> None:
    source = torch.rand(2, 5, 8, 8)
    assert torch.equal(as_target(source, 5), source)


def test_one_channel_is_replicated() -> None:
    source = torch.rand(2, 1, 8, 8)
    fake = as_target(source, 3)
    assert fake.shape == (2, 3, 8, 8)
    assert torch.equal(fake[:, 2:], source)


def test_colours_become_luma_and_white_stays_white() -> None:
    pixels = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    fake = as_target(pixels.reshape(4, 3, 1, 1), 1)
    assert fake.flatten().tolist() == pytest.approx([1.0, -0.402, 0.174, -0.772])


def test_other_channels_become_their_mean() -> None:
    source = torch.tensor([0.0, 0.5, 1.0, -1.0, 0.0]).reshape(1, 5, 1, 1)
    assert as_target(source, 1).item() == pytest.approx(0.1)


def test_channels_that_cannot_stand_for_each_other_are_named() -> None:
    with pytest.raises(ValueError, match="4 channels cannot stand for 3"):
        as_target(torch.zeros(1, 4, 8, 8), 3)


def residual_generator(**config: int) -> UNetGenerator:
    """A generator whose last layer gives zero."""
    generator = UNetGenerator(GeneratorConfig(base_channels=2, depth=2, dropout=0.0, **config))
    torch.nn.init.zeros_(generator.up[0].conv.weight)
    torch.nn.init.zeros_(generator.up[0].conv.bias)
    return generator


def test_a_generator_that_adds_nothing_returns_the_source() -> None:
    source = torch.rand(2, 3, 8, 8) * 1.96 - 0.98
    fake = residual_generator(residual_channels=3)(source)
    torch.testing.assert_close(fake, source, atol=2e-6, rtol=0)


def test_black_and_white_stay_within_a_few_grey_levels() -> None:
    # 7 is a measured value far above `value_range`.
    source = torch.tensor([-1.0, 1.0, 7.0]).view(3, 1, 1, 1).expand(3, 1, 4, 4)
    fake = residual_generator(source_channels=1, target_channels=3, residual_channels=1)(source)
    expected = torch.tensor([-0.98, 0.98, 0.98]).view(3, 1, 1, 1).expand(3, 3, 4, 4)
    torch.testing.assert_close(fake, expected)


def test_only_the_first_source_is_added_to() -> None:
    generator = residual_generator(source_channels=4, target_channels=1, residual_channels=1)
    source = torch.rand(1, 4, 8, 8) * 0.9
    torch.testing.assert_close(generator(source), source[:, :1])


def test_what_is_computed_shifts_the_source_before_tanh() -> None:
    generator = residual_generator(residual_channels=3)
    torch.nn.init.constant_(generator.up[0].conv.bias, 0.5)
    # tanh(a + b) = (tanh a + tanh b) / (1 + tanh a tanh b)
    shift = torch.tanh(torch.tensor(0.5))
    source = torch.rand(1, 3, 8, 8) * 1.9 - 0.95
    expected = (source + shift) / (1 + source * shift)
    torch.testing.assert_close(generator(source), expected, atol=2e-6, rtol=0)


def test_more_residual_channels_than_the_source_has_are_refused() -> None:
    with pytest.raises(ValueError, match="residual_channels is 4, but the source has 3"):
        GeneratorConfig(residual_channels=4)
    with pytest.raises(ValueError, match="residual_channels: 2 channels cannot stand for 3"):
        GeneratorConfig(residual_channels=2)
