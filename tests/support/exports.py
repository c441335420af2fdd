"""Model folders of random weights for exports, with settled batch norm, and their cards."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from pix2pix.checkpoint import load_generator, save_model
from pix2pix.data.manifest import SideRecord
from pix2pix.export.folder import write_export
from pix2pix.inference import Translator
from pix2pix.model_card import ModelCard, load_card
from pix2pix.models import PatchDiscriminator, UNetGenerator
from tests.support.model_folders import PHOTO
from tests.support.translators import make_translator


def side(channels: int = 3, **changes: Any) -> SideRecord:
    return dataclasses.replace(PHOTO, channels=channels, **changes)


def make_model(
    folder: Path, *, source: SideRecord = PHOTO, target: SideRecord = PHOTO, **changes: Any
) -> tuple[UNetGenerator, ModelCard]:
    """A model folder; `changes` are to the generator's configuration or to the card."""
    card = make_translator(folder, changes.pop("mode", "published")).card
    extra_channels = sum(extra.side.network_channels for extra in changes.get("extra_sources", ()))
    source_channels = source.network_channels + extra_channels
    fields = {field.name for field in dataclasses.fields(card.generator)}
    config = dataclasses.replace(
        card.generator,
        source_channels=source_channels,
        target_channels=target.channels,
        base_channels=4,
        dropout_layout="torch",
        **{key: value for key, value in changes.items() if key in fields},
    )
    card = dataclasses.replace(
        card,
        generator=config,
        discriminator=dataclasses.replace(
            card.discriminator, in_channels=source_channels + target.channels
        ),
        source=source,
        target=target,
        **{key: value for key, value in changes.items() if key not in fields},
    )
    save_model(
        folder,
        card,
        generator=trained_a_little(UNetGenerator(config)),
        discriminator=PatchDiscriminator(card.discriminator),
    )
    assert load_card(folder) == card
    return load_generator(folder)


def trained_a_little(generator: UNetGenerator) -> UNetGenerator:
    """Weights of a usual size, and statistics of batch norm that are those of some images."""
    torch.manual_seed(2)
    length = 2 * 2**generator.config.depth
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(2)
        for _ in range(5):
            generator.train()(torch.rand(2, generator.config.source_channels, length, length))
    return generator.eval()


MODEL = "maps version 3"

# As on a machine that has onnxruntime, numpy and Pillow only.
ALONE = """
import sys, runpy
sys.modules |= dict.fromkeys(["torch", "pix2pix", "onnx", "cv2", "scipy"])
sys.argv = ["example.py", *sys.argv[1:]]
runpy.run_path("example.py", run_name="__main__")
"""


def export(folder: Path, **arguments: Any) -> tuple[Path, Translator]:
    """Export a model of random weights; the arguments are those of `make_model`."""
    generator, card = make_model(folder / "model", **arguments)
    out = folder / "out"
    out.mkdir()
    write_export(out, generator, card, model=MODEL, modes=[card.inference_mode])
    return out, Translator.load(folder / "model")


def run_example(out: Path, *files: Path) -> None:
    """Run example.py with files of the sources, and that of the result."""
    command = [sys.executable, "-c", ALONE, *map(str, files)]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def cards(card: ModelCard) -> Iterator[ModelCard]:
    sides = [
        side(1),
        side(4),
        side(5),
        side(1, dtype="uint16", value_range=(0.0, 65535.0)),
        side(3, dtype="float32", value_range=(-1000.0, 1000.0)),
        side(1, num_labels=5, void_label=255, value_range=(0.0, 5.0), kernel="nearest"),
    ]
    scales = [{}, {"scale": "fit", "load_size": 40}, {"scale": "none", "target_scale": 2.0}]
    for source in sides:
        for target in sides:
            for scale in scales:
                yield dataclasses.replace(card, source=source, target=target, **scale)
