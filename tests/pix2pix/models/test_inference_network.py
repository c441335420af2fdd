from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.models import (
    GeneratorConfig,
    InferenceNetwork,
    UNetGenerator,
    initialize,
    translate,
)

MODES = ["published", "deterministic"]


def make_generator(**config: object) -> UNetGenerator:
    torch.manual_seed(0)
    defaults = {"base_channels": 4, "depth": 6}
    network = UNetGenerator(GeneratorConfig(**(defaults | config)))
    initialize(network)
    size = 2**network.config.depth
    with torch.no_grad():  # running statistics and shifts that differ from any image's
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.bias.normal_()
        for _ in range(3):
            network(torch.randn(4, network.config.source_channels, size, size))
    return network


def images(num_images: int, size: int = 64, channels: int = 3) -> Tensor:
    return torch.randn(num_images, channels, size, size, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("layout", ["pytorch", "torch"])
@pytest.mark.parametrize("depth", [2, 5, 6])
def test_the_published_mode_equals_training_mode_on_one_image(
    norm: str, layout: str, depth: int
) -> None:
    generator = make_generator(norm=norm, dropout_layout=layout, depth=depth)
    source = images(1)
    fake = translate(InferenceNetwork(generator, "published"), source, seeds=[5])
    torch.manual_seed(5)
    with torch.no_grad():
        torch.testing.assert_close(fake, generator.train()(source), atol=1e-6, rtol=0)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("size", [(64, 64), (128, 64)])
def test_the_deterministic_mode_equals_eval_mode(norm: str, size: tuple[int, int]) -> None:
    generator = make_generator(norm=norm)
    source = torch.randn(3, 3, *size)
    fake = translate(InferenceNetwork(generator, "deterministic"), source, seeds=[0] * 3)
    with torch.no_grad():
        torch.testing.assert_close(fake, generator.eval()(source), atol=1e-5, rtol=0)


def test_channels_that_hardly_varied_in_training_are_the_same_in_the_deterministic_mode() -> None:
    """The norm divides by their deviation, plus a small number."""
    generator = make_generator()
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var[::2] = torch.linspace(0, 1e-4, len(module.running_var[::2]))
            module.weight.data[::2] *= 0.01  # they would be large
    source = images(1)
    fake = translate(InferenceNetwork(generator, "deterministic"), source, seeds=[0])
    with torch.no_grad():
        torch.testing.assert_close(fake, generator.eval()(source), atol=1e-4, rtol=0)


@pytest.mark.parametrize("channels", [(3, 3), (1, 3), (3, 1), (4, 3)])
@pytest.mark.parametrize("mode", MODES)
def test_a_residual_is_added_to_the_source_in_both_modes(
    mode: str, channels: tuple[int, int]
) -> None:
    source_channels, target_channels = channels
    config = {"source_channels": source_channels, "target_channels": target_channels, "dropout": 0}
    generator = make_generator(**config, residual_channels=min(3, source_channels))
    plain = make_generator(**config)
    source = images(1, channels=source_channels)
    fakes = []
    for each in (generator, plain):
        fake = translate(InferenceNetwork(each, mode), source, seeds=[0])
        with torch.no_grad():
            expected = each.train(mode == "published")(source)
        torch.testing.assert_close(fake, expected, atol=1e-5, rtol=0)
        fakes.append(fake)
    assert (fakes[0] - fakes[1]).abs().max() > 0.1


@pytest.mark.parametrize("mode", MODES)
def test_an_output_does_not_depend_on_other_images_of_the_batch_or_on_earlier_calls(
    mode: str,
) -> None:
    network = InferenceNetwork(make_generator(), mode)
    together = translate(network, images(3), seeds=[1, 2, 3])
    torch.manual_seed(99)
    alone = translate(network, images(3)[1:2], seeds=[2])
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=0)
    same_seed = translate(network, images(3), seeds=[2, 2, 2])
    torch.testing.assert_close(same_seed[1:2], alone, atol=1e-5, rtol=0)


def test_seeds_change_the_output_of_the_published_mode_only() -> None:
    for mode, equal in (("published", False), ("deterministic", True)):
        network = InferenceNetwork(make_generator(), mode)
        first, second = (translate(network, images(1), seeds=[seed]) for seed in (1, 2))
        assert torch.equal(first, second) is equal


def test_a_norm_over_one_pixel_gives_its_shift_as_batch_norm_on_one_image_does() -> None:
    generator = make_generator(dropout=0.0)
    network = InferenceNetwork(generator, "published")
    block, norm = network.down[1], generator.down[1].norm
    one_pixel = torch.randn(2, 4, 2, 2)
    with torch.no_grad():
        expected = norm.bias[None, :, None, None].expand(2, -1, 1, 1)
        torch.testing.assert_close(block(one_pixel), expected, atol=1e-5, rtol=0)
        # The operation itself, below the check that refuses to train on one value per channel.
        batch_norm = torch.batch_norm(
            F.conv2d(one_pixel[:1], generator.down[1].conv.weight, stride=2, padding=1),
            norm.weight, norm.bias, None, None, True, 0.0, norm.eps, False,
        )  # fmt: skip
    torch.testing.assert_close(block(one_pixel[:1]), batch_norm, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_translating_changes_neither_the_generator_nor_the_global_random_state(mode: str) -> None:
    generator = make_generator().train()
    generator.up[2].eval()
    modes = [module.training for module in generator.modules()]
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    source = images(2)
    given, random_state = source.clone(), torch.get_rng_state()
    network = InferenceNetwork(generator, mode)
    fake = translate(network, source, seeds=[1, 2])
    assert torch.equal(fake, translate(network.train(), source, seeds=[1, 2]))
    assert torch.equal(fake, translate(network.eval(), source, seeds=[1, 2]))
    assert torch.equal(source, given)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(before[key], value) for key, value in generator.state_dict().items())
    assert [module.training for module in generator.modules()] == modes


@pytest.mark.parametrize("mode", MODES)
def test_twenty_threads_at_once_get_the_same_bits_as_one_after_the_other(mode: str) -> None:
    network = InferenceNetwork(make_generator(), mode)
    sources = [torch.randn(1 + index % 3, 3, 64, 64) for index in range(20)]

    def answer(index: int) -> Tensor:
        return translate(network, sources[index], seeds=[index] * len(sources[index]))

    expected = [answer(index) for index in range(20)]
    with ThreadPoolExecutor(20) as threads:
        for _ in range(3):
            answers = list(threads.map(answer, range(20)))
            assert all(map(torch.equal, answers, expected))


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_network_can_be_exported(mode: str) -> None:
    network = InferenceNetwork(make_generator(dropout_layout="torch"), mode)
    masks = [
        torch.randint(0, 2, (2, *shape)).float() * 2
        for shape in network.mask_shapes(64, 64).values()
    ]
    assert len(masks) == (3 if mode == "published" else 0)
    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(
        network, (images(2), masks), dynamic_shapes=({0: batch}, [{0: batch}] * len(masks))
    )
    for source, factors in ((images(2), masks), (images(1), [mask[1:] for mask in masks])):
        with torch.no_grad():
            torch.testing.assert_close(
                exported.module()(source, factors), network(source, factors), atol=1e-6, rtol=0
            )


def test_each_image_needs_a_seed() -> None:
    network = InferenceNetwork(make_generator(), "published")
    with pytest.raises(ValueError, match="2 images need as many seeds, got 1"):
        translate(network, images(2), seeds=[1])


@pytest.mark.parametrize("mode", MODES)
def test_sizes_that_cannot_be_halved_are_refused(mode: str) -> None:
    network = InferenceNetwork(make_generator(), mode)
    with pytest.raises(ValueError, match=r"multiples of 64, got 96x96"):
        network(torch.zeros(1, 3, 96, 96))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("height", "width"), [(96, 64), (70, 129), (20, 1)])
def test_other_sizes_are_reflected_and_the_result_is_cropped(
    mode: str, height: int, width: int
) -> None:
    network = InferenceNetwork(make_generator(), mode)
    image = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(2))
    padded = np.pad(
        image.numpy(), ((0, 0), (0, 0), (0, -height % 64), (0, -width % 64)), mode="reflect"
    )
    expected = translate(network, torch.from_numpy(padded), seeds=[1])[..., :height, :width]
    torch.testing.assert_close(translate(network, image, seeds=[1]), expected, atol=0, rtol=0)
