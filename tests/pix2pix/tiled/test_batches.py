"""Images that are scored: at once, one by one or in tiles, as the memory allows."""

from pathlib import Path

import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.models import GeneratorConfig, InferenceNetwork, UNetGenerator, initialize, translate
from pix2pix.tiled import least_bytes, whole_bytes
from pix2pix.tiled.batches import translated

SEED = 3
SIZE = (500, 700)  # is padded to 512 x 704


@pytest.fixture(params=["published", "deterministic"])
def network(request: pytest.FixtureRequest) -> InferenceNetwork:
    torch.manual_seed(0)
    generator = UNetGenerator(GeneratorConfig(base_channels=32, depth=6))
    initialize(generator)
    return InferenceNetwork(generator, request.param)


def sources() -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.rand(3, 3, *SIZE, generator=random) * 2 - 1


@pytest.mark.slow
def test_with_enough_memory_it_is_the_translation_of_the_batch(network: InferenceNetwork) -> None:
    assert torch.equal(
        translated(network, sources(), seed=SEED), translate(network, sources(), seeds=[SEED] * 3)
    )


@pytest.mark.slow
def test_a_batch_that_is_too_large_is_translated_image_by_image(network: InferenceNetwork) -> None:
    needed = whole_bytes(network.config, (512, 704))
    one_by_one = [translate(network, image[None], seeds=[SEED]) for image in sources()]
    assert torch.equal(
        translated(network, sources(), seed=SEED, allowed=2 * needed), torch.cat(one_by_one)
    )


@pytest.mark.slow
def test_an_image_that_is_too_large_is_translated_in_tiles(
    network: InferenceNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(
        "pix2pix.tiled.batches.translate", lambda *_, **__: pytest.fail("not tiled")
    )
    allowed = whole_bytes(network.config, (512, 704)) - 1
    expected = translate(network, sources(), seeds=[SEED] * 3)
    actual = translated(network, sources(), seed=SEED, allowed=allowed)
    torch.testing.assert_close(actual, expected, rtol=0, atol=2e-5)
    assert not list(tmp_path.iterdir())


def test_an_image_that_does_not_even_fit_in_tiles_is_an_error_with_its_size(
    network: InferenceNetwork,
) -> None:
    allowed = least_bytes(network, (512, 704)) - 1
    with pytest.raises(UserError, match="an image of 704x512 px needs about"):
        translated(network, sources(), seed=SEED, allowed=allowed)
