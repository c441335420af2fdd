import itertools

import pytest
import torch
from torch import nn

from pix2pix.models import GeneratorConfig, UNetGenerator, initialize


def test_the_published_generator_has_54_413_955_parameters() -> None:
    generator = UNetGenerator(GeneratorConfig())
    assert sum(parameter.numel() for parameter in generator.parameters()) == 54_413_955


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("depth", [2, 5, 6])
def test_with_any_depth_and_norm_the_size_stays_and_the_range_is_minus_one_to_one(
    norm: str, depth: int
) -> None:
    config = GeneratorConfig(
        source_channels=1, target_channels=5, base_channels=4, depth=depth, norm=norm
    )
    fake = UNetGenerator(config)(torch.randn(2, 1, 64, 128))
    assert fake.shape == (2, 5, 64, 128)
    assert fake.abs().max() <= 1


def test_a_size_that_cannot_be_halved_is_named() -> None:
    generator = UNetGenerator(GeneratorConfig(base_channels=2, depth=5))
    with pytest.raises(ValueError, match="multiples of 32, got 48x64"):
        generator(torch.zeros(1, 3, 48, 64))


@pytest.mark.parametrize(
    ("layout", "depth", "levels"),
    [
        ("pytorch", 8, [4, 5, 6]),
        ("pytorch", 7, [4, 5]),
        ("torch", 8, [5, 6, 7]),
        ("torch", 7, [4, 5, 6]),
    ],
)
def test_dropout_is_in_the_levels_in_which_the_published_codes_have_it(
    layout: str, depth: int, levels: list[int]
) -> None:
    """Decoder levels are counted from the outside: d2-d4 of eight are 6-4, d1-d3 are 7-5."""
    config = GeneratorConfig(base_channels=1, depth=depth, dropout_layout=layout)
    generator = UNetGenerator(config)
    dropout_levels = [
        level for level, up in enumerate(generator.up) if isinstance(up.dropout, nn.Dropout)
    ]
    assert dropout_levels == levels


def test_the_output_depends_on_every_skip_connection() -> None:
    """Each encoder level changes the output also without the path through the bottleneck."""
    generator = UNetGenerator(GeneratorConfig(base_channels=2, depth=5, dropout=0.0)).eval()
    source = torch.randn(1, 3, 32, 32)
    before = generator(source)
    for level in range(4):
        hook = generator.down[level].register_forward_hook(lambda module, args, out: out + 1)
        assert (generator(source) - before).abs().max() > 1e-7
        hook.remove()
    assert torch.equal(generator(source), before)


def test_initial_weights_have_the_published_moments() -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for batch-norm scales, zero biases."""
    torch.manual_seed(0)
    generator = UNetGenerator(GeneratorConfig(base_channels=16, depth=7))
    initialize(generator)
    convs = [m for m in generator.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    weights = torch.cat([conv.weight.flatten() for conv in convs])
    scales = torch.cat([norm.weight for norm in norms])
    assert abs(weights.mean().item()) < 1e-4
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert scales.mean().item() == pytest.approx(1, abs=0.005)
    assert scales.std().item() == pytest.approx(0.02, rel=0.15)
    biases = [m.bias for m in itertools.chain(convs, norms) if m.bias is not None]
    assert len(biases) == 1 + len(norms)
    assert all(not bias.any() for bias in biases)
