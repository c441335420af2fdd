"""What an export says about its files: export.json for programs, README.md for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from pix2pix.export.example import has_example
from pix2pix.export.folder import ExportedFile
from pix2pix.export.parity import TOLERANCE
from pix2pix.export.smaller import MeasuredError
from pix2pix.model_card import ModelCard

_PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "numpy")
_MIB = 2**20


def export_json(
    files: Sequence[ExportedFile], *, samples: str, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of export.json.

    `samples` says on which images the errors of smaller files were measured, and `facts` is all
    that the caller knows of the model.
    """
    return {
        "format": 1,
        **facts,
        "tolerance": TOLERANCE,
        "errors_measured_on": samples,
        "files": [_file_json(file) for file in files],
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _file_json(file: ExportedFile) -> dict[str, Any]:
    described = {
        "name": file.name,
        "inference_mode": file.inference_mode,
        "num_bytes": file.num_bytes,
        "sha256": file.sha256,
    }
    if isinstance(file.difference, MeasuredError):
        return {**described, "error": asdict(file.difference)}
    by_size = [
        {**size._asdict(), "largest_difference": difference}
        for size, difference in file.difference.differences.items()
    ]
    return {**described, "largest_difference": file.difference.largest, "differences": by_size}


def file_table(files: Sequence[ExportedFile]) -> list[list[str]]:
    """A heading and a row for each file: its size and how far it is from the network."""
    rows = [["file", "inference mode", "MiB", "largest difference", "mean difference"]]
    for file in files:
        difference = file.difference
        mean = f"{difference.mean:.2g}" if isinstance(difference, MeasuredError) else ""
        size = f"{file.num_bytes / _MIB:.1f}"
        rows.append([file.name, file.inference_mode, size, f"{difference.largest:.2g}", mean])
    return rows


def readme(
    title: str, files: Sequence[ExportedFile], card: ModelCard, *, samples: str, has_page: bool
) -> str:
    """Return the text of README.md."""
    head, *rows = file_table(files)
    lines = [head, ["---"] * len(head), *rows]
    page = ["`index.html` translates pictures in a browser, without a server.", ""]
    return "\n".join(
        [
            f"# {title}",
            "",
            f"The model was chosen with the inference mode `{card.inference_mode}`. {_use(card)}",
            "",
            *(page if has_page else []),
            "Inputs are float32 (N, C, H, W) in [-1, 1] of any N, H and W: the files pad and crop "
            "by themselves. The metadata of each file has the value ranges of source and target, "
            "how images are resized, and the shapes of the dropout masks.",
            "",
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
            "Differences are absolute ones in the range [-1, 1]: of exact files to the network in "
            f"torch, for images of odd sizes (at most {TOLERANCE:g} is accepted); of smaller files "
            f"to the exact ONNX file, on {samples}.",
            "",
        ]
    )


def _use(card: ModelCard) -> str:
    if has_example(card):
        return "`python example.py` shows how it is used; it needs numpy, Pillow and onnxruntime."
    return (
        "Its sources have pixels without a value (`nodata` or `ignore_label` of `pix2pix.source` "
        "in the metadata of each file): leave them out when an image is resized, and fill them "
        "with -1."
    )
