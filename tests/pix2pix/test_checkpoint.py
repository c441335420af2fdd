import dataclasses
import json
import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pix2pix.checkpoint import load_discriminator, load_generator, save_model
from pix2pix.errors import UserError
from pix2pix.models import DiscriminatorConfig, GeneratorConfig, PatchDiscriminator, UNetGenerator
from tests.support.model_folders import model_card, save_random

GENERATOR = GeneratorConfig(base_channels=2, depth=5, dropout=0.0)
DISCRIMINATOR = DiscriminatorConfig(base_channels=2, num_layers=1)
CARD = model_card(generator=GENERATOR, discriminator=DISCRIMINATOR)


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    folder = tmp_path / "models"
    save_random(folder, CARD)
    return folder


def test_card_and_networks_are_loaded_as_they_were_saved(tmp_path: Path) -> None:
    generator, discriminator = UNetGenerator(GENERATOR), PatchDiscriminator(DISCRIMINATOR)
    save_model(tmp_path, CARD, generator=generator, discriminator=discriminator)
    loaded, card = load_generator(tmp_path)
    judge, _ = load_discriminator(tmp_path)
    assert card == CARD
    assert not loaded.training
    for saved, read in ((generator, loaded), (discriminator, judge)):
        weights = read.state_dict()
        assert all(torch.equal(weights[key], value) for key, value in saved.state_dict().items())


def test_a_model_folder_has_only_its_three_files(model_dir: Path) -> None:
    names = {path.name for path in model_dir.iterdir()}
    assert names == {"generator.safetensors", "discriminator.safetensors", "model.json"}


@pytest.mark.parametrize("name", ["generator.safetensors", "model.json"])
def test_a_missing_file_is_named_with_the_remedy(model_dir: Path, name: str) -> None:
    (model_dir / name).unlink()
    with pytest.raises(ValueError, match=rf"{name} is missing; run `dvc repro train`"):
        load_generator(model_dir)


def test_truncated_weights_are_named(model_dir: Path) -> None:
    path = model_dir / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"generator\.safetensors does not hold the weights"):
        load_generator(model_dir)


def test_weights_of_another_shape_are_named(model_dir: Path) -> None:
    wider = dataclasses.replace(GENERATOR, base_channels=4)
    card = json.loads((model_dir / "model.json").read_text())
    card["generator"] = dataclasses.asdict(wider)
    (model_dir / "model.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=r"generator\.safetensors does not hold the weights"):
        load_generator(model_dir)


def test_weights_that_do_not_fit_are_refused_before_memory_is_allocated(
    model_dir: Path,
) -> None:
    """A card whose values are all allowed may still describe a network of 30 GB."""
    card = json.loads((model_dir / "model.json").read_text())
    card["generator"] |= {"base_channels": 512, "depth": 12}
    card["image_size"] = 4096
    (model_dir / "model.json").write_text(json.dumps(card))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"generator\.safetensors does not hold the weights"):
        load_generator(model_dir)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


def test_weights_of_another_type_are_named(model_dir: Path) -> None:
    path = model_dir / "generator.safetensors"
    weights = load_file(path)
    weights["up.0.conv.weight"] = weights["up.0.conv.weight"].double()
    save_file(weights, path)
    with pytest.raises(UserError, match=r"up\.0\.conv\.weight is .*F64"):
        load_generator(model_dir)
