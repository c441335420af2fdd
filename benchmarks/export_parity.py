"""Sizes of exported files and their differences to the network, for the published networks' size.

The generator has random weights, as in `benchmarks.large_image`. Exact files are compared with the
network for images of odd sizes; smaller ones with the exact ONNX file, on a random image.

    python -m benchmarks.export_parity --write docs/export.md
"""

import argparse
import logging
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.large_image import write_model_folder
from benchmarks.markdown import table, write_sections
from benchmarks.worker_group import processor
from pix2pix.checkpoint import load_generator
from pix2pix.export.folder import ExportedFile, write_export
from pix2pix.export.report import file_table

_PACKAGES = ("torch", "onnx", "onnxruntime")


def measure(base_channels: int) -> list[ExportedFile]:
    """Export both inference modes with all smaller files."""
    with tempfile.TemporaryDirectory() as folder:
        model_dir, output_dir = Path(folder, "model"), Path(folder, "out")
        write_model_folder(model_dir, "published", base_channels=base_channels)
        output_dir.mkdir()
        generator, card = load_generator(model_dir)
        return write_export(
            output_dir,
            generator,
            card,
            model=card.name,
            modes=["published", "deterministic"],
            smaller=["fp16", "int8"],
        )


def main() -> None:
    """Measure, and write the section of a document."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, required=True, help="document with `export parity`")
    parser.add_argument("--base-channels", type=int, default=64)
    options = parser.parse_args()
    head, *rows = file_table(measure(options.base_channels))
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    where = (
        f"base_channels {options.base_channels}, depth 8, random weights; {processor()}; "
        f"{packages}; {date.today().isoformat()}."
    )
    text = f"\n{where}\n\n{table(head, rows)}\n"
    write_sections(options.write, {"export parity": text})


if __name__ == "__main__":
    main()
