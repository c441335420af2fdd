"""Write the files of an export, each of them checked before the folder gets its name."""

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from torch import Tensor
from torch.export import ExportedProgram

from pix2pix.config import height_width
from pix2pix.export.description import description
from pix2pix.export.example import example_script, has_example, has_masks_file, masks_file
from pix2pix.export.network import exported_program, mask_names
from pix2pix.export.onnx_model import OnnxNetwork, onnx_model
from pix2pix.export.parity import (
    Network,
    Parity,
    check_parity,
    masks_for,
    measure_parity,
    odd_sizes,
)
from pix2pix.export.samples import Samples, random_samples
from pix2pix.export.smaller import MeasuredError, measure_error, with_half_weights, write_int8
from pix2pix.files import sha256_of_file
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceMode, InferenceNetwork, UNetGenerator

EXAMPLE_NAME = "example.py"
DESCRIPTION_NAME = "pix2pix.json"  # inside torch.export files

Smaller = Literal["fp16", "int8"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedFile:
    """A file of an export, and how far it is from the inference network.

    The `difference` of an exact file is a Parity, that of a smaller one is to the exact ONNX file.
    """

    name: str
    inference_mode: InferenceMode
    num_bytes: int
    sha256: str
    difference: Parity | MeasuredError


def write_export(
    folder: Path,
    generator: UNetGenerator,
    card: ModelCard,
    *,
    model: str,
    modes: Sequence[InferenceMode],
    smaller: Sequence[Smaller] = (),
    samples: Samples | None = None,
) -> list[ExportedFile]:
    """Write the files of each mode and, if `has_example`, example.py into the existing folder.

    `model` is what people call the model. The example is for the first of `modes`. Without
    `samples`, smaller files are measured on a random image.

    Raises UserError if an exact file differs from the network by `parity.TOLERANCE` or more.
    """
    written = []
    for mode in modes:
        network = InferenceNetwork(generator, mode)
        logger.info("exporting the inference mode %s", mode)
        described = description(card, network, model=model)
        exact = _write_exact(folder, network, card, described)
        written += exact
        used = samples or random_samples(card)
        inputs = [(each, masks_for(network, each, seed=card.seed)) for each in used.sources]
        written += [_write_smaller(folder, network, each, inputs) for each in smaller]
        if masks := training_masks(network, card):
            arrays: dict[str, Any] = {name: mask.numpy() for name, mask in masks.items()}
            np.savez_compressed(folder / masks_file(mode), **arrays)
    if has_example(card):
        first = InferenceNetwork(generator, modes[0])
        (folder / EXAMPLE_NAME).write_text(example_script(card, first), encoding="utf-8")
    return written


def _write_exact(
    folder: Path, network: InferenceNetwork, card: ModelCard, described: Mapping[str, Any]
) -> list[ExportedFile]:
    program = exported_program(network)
    torch_path, onnx_path = (folder / f"{network.mode}.{kind}" for kind in ("pt2", "onnx"))
    content = io.BytesIO()  # torch would hide the reason if the disk were full
    torch.export.save(program, content, extra_files={DESCRIPTION_NAME: json.dumps(described)})
    torch_path.write_bytes(content.getbuffer())
    onnx.save(onnx_model(program, described), onnx_path)
    del program
    networks: dict[Path, Network] = {
        torch_path: _loaded(torch.export.load(torch_path)),
        onnx_path: OnnxNetwork(onnx_path),
    }
    files = []
    for path, exported in networks.items():
        parity = measure_parity(
            exported, network, odd_sizes(network, card.image_size), seed=card.seed
        )
        check_parity(parity, file_name=path.name)
        logger.info("%s: largest difference %.2g", path.name, parity.largest)
        files.append(_exported_file(path, network, parity))
    return files


def _loaded(program: ExportedProgram) -> Network:
    module = program.module()

    def translate(source: Tensor, masks: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode():
            fake: Tensor = module(source, list(masks))
        return fake

    return translate


def _write_smaller(
    folder: Path,
    network: InferenceNetwork,
    kind: Smaller,
    inputs: Sequence[tuple[Tensor, Sequence[Tensor]]],
) -> ExportedFile:
    exact_path, path = folder / f"{network.mode}.onnx", folder / f"{network.mode}.{kind}.onnx"
    exact = OnnxNetwork(exact_path)
    # The error is that of images that were not used for the calibration, where there are some.
    calibration, measured = inputs[::2], inputs[1::2] or inputs
    if kind == "fp16":
        onnx.save(with_half_weights(onnx.load(exact_path)), path)
    else:
        write_int8(path, exact_path, exact.input_names, calibration)
    error = measure_error(OnnxNetwork(path), exact, measured)
    logger.info("%s: mean difference %.2g, largest %.2g", path.name, error.mean, error.largest)
    return _exported_file(path, network, error)


def training_masks(network: InferenceNetwork, card: ModelCard) -> dict[str, Tensor]:
    """The dropout masks (C, h, w) that `Translator` draws on this machine, by name of the input.

    They are those of images of the training's size. Where images keep other sizes there are none,
    and there are none in the deterministic mode.
    """
    if not has_masks_file(card, network):
        return {}
    source = torch.empty(1, 1, *height_width(card.image_size))
    masks = masks_for(network, source, seed=card.seed)
    return dict(zip(mask_names(network), masks, strict=True))


def _exported_file(
    path: Path, network: InferenceNetwork, difference: Parity | MeasuredError
) -> ExportedFile:
    return ExportedFile(
        name=path.name,
        inference_mode=network.mode,
        num_bytes=path.stat().st_size,
        sha256=sha256_of_file(path),
        difference=difference,
    )
