import pytest
import torch
from torch.nn import functional as F

from pix2pix.models import GeneratorConfig, UNetGenerator, initialize, translate


@pytest.fixture
def generator() -> UNetGenerator:
    torch.manual_seed(0)
    network = UNetGenerator(GeneratorConfig(base_channels=4, depth=6))
    initialize(network)
    with torch.no_grad():  # running statistics that differ from any image's
        for _ in range(3):
            network(torch.randn(4, 3, 64, 64))
    return network


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_an_output_does_not_depend_on_its_neighbours_or_the_call(
    generator: UNetGenerator, mode: str
) -> None:
    source = torch.randn(3, 3, 64, 64)
    together = translate(generator, source, mode=mode, seeds=[1, 2, 3])
    torch.manual_seed(99)
    alone = translate(generator, source[1:2], mode=mode, seeds=[2])
    torch.testing.assert_close(together[1:2], alone, atol=2e-6, rtol=0)


def test_the_published_mode_is_training_mode_on_one_image(generator: UNetGenerator) -> None:
    source = torch.randn(1, 3, 64, 64)
    fake = translate(generator, source, mode="published", seeds=[5])
    torch.manual_seed(5)
    with torch.no_grad():
        assert torch.equal(fake, generator.train()(source))


def test_the_published_mode_uses_the_image_s_own_statistics() -> None:
    """Batch norm on one image is instance norm with batch norm's scale and shift."""
    torch.manual_seed(0)
    network = UNetGenerator(GeneratorConfig(base_channels=4, depth=5, dropout=0.0))
    initialize(network)
    source = torch.randn(2, 3, 32, 32)
    fake = translate(network, source, mode="published", seeds=[0, 0])
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.forward = lambda x, m=module: F.instance_norm(x, weight=m.weight, bias=m.bias)
    with torch.no_grad():
        torch.testing.assert_close(fake, network(source), atol=1e-5, rtol=0)


def test_seeds_matter_in_the_published_mode_only(generator: UNetGenerator) -> None:
    source = torch.randn(1, 3, 64, 64)
    for mode, equal in (("published", False), ("deterministic", True)):
        first, second = (translate(generator, source, mode=mode, seeds=[s]) for s in (1, 2))
        assert torch.equal(first, second) is equal


@pytest.mark.parametrize("mode", ["published", "deterministic"])
def test_translating_leaves_network_and_random_state_as_they_were(
    generator: UNetGenerator, mode: str
) -> None:
    generator.train()
    generator.up[2].eval()
    modes = [module.training for module in generator.modules()]
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    random_state = torch.get_rng_state()
    translate(
        generator, torch.randn(2, 3, 64, 64, generator=torch.Generator()), mode=mode, seeds=[1, 2]
    )
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(before[key], value) for key, value in generator.state_dict().items())
    assert [module.training for module in generator.modules()] == modes


def test_each_image_needs_a_seed(generator: UNetGenerator) -> None:
    with pytest.raises(ValueError, match="2 images need as many seeds, got 1"):
        translate(generator, torch.zeros(2, 3, 64, 64), mode="published", seeds=[1])
