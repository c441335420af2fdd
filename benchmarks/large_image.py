"""Memory and time of one large image, whole and in tiles, and how far the two results differ.

The generator is that of the published networks with random weights. Each translation, from image
file to the result's file, runs in a process of its own; its peak of memory is what the kernel
counts as resident, with Python, torch and the weights.

    python -m benchmarks.large_image --out benchmarks/results/large-image.json \
        --write docs/translation.md
"""

import argparse
import json
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.markdown import table, write_sections
from benchmarks.memory import peak_bytes
from benchmarks.worker_group import processor
from benchmarks.workload import in_fresh_process
from pix2pix.checkpoint import save_model
from pix2pix.cores import num_cores
from pix2pix.data.manifest import SideRecord
from pix2pix.files import write_bytes, write_text
from pix2pix.images.decode import decode
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from pix2pix.memory import allowed_bytes, enough_memory
from pix2pix.model_card import ModelCard
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    InferenceMode,
    PatchDiscriminator,
    UNetGenerator,
    initialize,
)
from pix2pix.tiled import whole_bytes

_GIB = 2**30
_MODES: tuple[InferenceMode, ...] = ("published", "deterministic")


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    """One translation; without a limit, the image is translated whole."""

    mode: InferenceMode
    max_memory_gib: float | None
    elapsed_s: float
    peak_gib: float
    largest_difference: float  # from the whole image's result, in the network's range [-1, 1]


def write_model_folder(folder: Path, mode: InferenceMode, *, base_channels: int = 64) -> None:
    """Save a model of random weights; its results are the floats in [-1, 1] of the network."""
    torch.manual_seed(0)
    config = GeneratorConfig(base_channels=base_channels)
    generator = UNetGenerator(config)
    discriminator = PatchDiscriminator(DiscriminatorConfig(in_channels=6))
    initialize(generator)
    with torch.no_grad():
        for _ in range(20):  # running statistics for the deterministic mode
            generator(torch.randn(1, 3, 256, 256))
    card = ModelCard(
        format=1,
        name="benchmark",
        direction="AtoB",
        image_size=256,
        source=SideRecord("image", 3, "uint8", (0.0, 255.0), "area"),
        target=SideRecord("image", 3, "float32", (-1.0, 1.0), "area"),
        generator=config,
        discriminator=discriminator.config,
        inference_mode=mode,
        seed=0,
        epoch=1,
        dev={},
        data_hash="none",
    )
    save_model(folder, card, generator=generator, discriminator=discriminator)


def write_image(path: Path, height: int, width: int) -> None:
    """A random picture with large and small structures."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 200, (height // 40, width // 40, 3), dtype=np.uint8)
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    write_bytes(path, encode(large + random.integers(0, 56, large.shape, dtype=np.uint8)))


def translate_once(
    model_dir: Path, source: Path, output: Path, max_memory_gib: float | None
) -> tuple[float, float]:
    """Seconds and GiB of translating `source` to `output`, in a process that does nothing else."""
    translator = Translator.load(model_dir, max_memory_gib=max_memory_gib)
    if max_memory_gib is None:
        _check_that_it_fits(translator.card, source)
    started_s = time.perf_counter()
    write_bytes(output, encode(translator.translate_file(source, scale="native")))
    return time.perf_counter() - started_s, peak_bytes() / _GIB


def _check_that_it_fits(card: ModelCard, source: Path) -> None:
    """Raise UserError if the image would not be translated whole for want of memory."""
    height, width = decode(source.read_bytes()).shape[:2]
    needed = 1.2 * whole_bytes(card.generator, (height, width))  # with padding and the result
    with enough_memory(round(needed), allowed_bytes(torch.device("cpu")), what="the whole image"):
        pass


def measure(height: int, width: int, limit_gib: float, base_channels: int) -> list[Translation]:
    """Each inference mode, whole and then with the limit."""
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source.png")
        write_image(source, height, width)
        for mode in _MODES:
            model_dir = Path(folder, mode)
            write_model_folder(model_dir, mode, base_channels=base_channels)
            whole = None
            for limit in (None, limit_gib):
                output = Path(folder, f"{mode}-{limit}.tif")
                elapsed_s, peak_gib = in_fresh_process(
                    translate_once, model_dir, source, output, limit
                )
                result = decode(output.read_bytes())
                whole = result if whole is None else whole
                measured.append(
                    Translation(
                        mode=mode,
                        max_memory_gib=limit,
                        elapsed_s=elapsed_s,
                        peak_gib=peak_gib,
                        largest_difference=float(np.abs(result - whole).max()),
                    )
                )
                logging.info("%s", measured[-1])
    return measured


def section(measured: Sequence[Translation], where: str) -> str:
    """The measurements as markdown."""
    rows = [
        (
            each.mode,
            "whole" if each.max_memory_gib is None else f"--max-memory-gib {each.max_memory_gib:g}",
            f"{each.peak_gib:.2f}",
            f"{each.elapsed_s:.0f}",
            "" if each.max_memory_gib is None else f"{each.largest_difference:.1e}",
        )
        for each in measured
    ]
    head = ("inference mode", "way", "peak, GiB", "s", "largest difference")
    return f"\n{where}\n\n{table(head, rows)}\n"


def main() -> None:
    """Measure, write the JSON file and the section of a document."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--write", type=Path, help="document with a section `large image`")
    parser.add_argument("--height", type=int, default=4000)
    parser.add_argument("--width", type=int, default=6000)
    parser.add_argument("--max-memory-gib", type=float, default=2.0)
    parser.add_argument("--base-channels", type=int, default=64)
    options = parser.parse_args()
    measured = measure(options.height, options.width, options.max_memory_gib, options.base_channels)
    where = (
        f"{options.width}x{options.height} px, base_channels {options.base_channels}; "
        f"{processor()}, {num_cores()} cores; torch {torch.__version__}; "
        f"{date.today().isoformat()}."
    )
    content = {"where": where, "translations": [asdict(each) for each in measured]}
    write_text(options.out, json.dumps(content, indent=2) + "\n")
    if options.write is not None:
        write_sections(options.write, {"large image": section(measured, where)})


if __name__ == "__main__":
    main()
