"""The file format of training checkpoints: one file of tensors and plain values.

Loading it runs no code from the file.
"""

from pathlib import Path
from typing import Any

import torch

from pix2pix.errors import UserError
from pix2pix.tensor_file import read_tensors

_FORMAT = 2


def save_training(path: Path, state: dict[str, Any]) -> None:
    """Write a training checkpoint; `state` consists of tensors and plain values.

    Raises OSError if it cannot be written, for example because the disk is full.
    """
    try:
        torch.save({"format": _FORMAT, **state}, path)
    except RuntimeError as error:  # torch's file writer raises this in place of OSError
        raise OSError(f"{path}: {error}") from error


def load_training(data: bytes, *, name: str) -> dict[str, Any]:
    """Return the state in the bytes of a file that `save_training` wrote, tensors on the CPU.

    Raises UserError, which names the file by `name`, if the bytes are truncated or are no training
    checkpoint of this format.
    """
    try:
        state = read_tensors(data)
    except UserError as error:
        raise UserError(f"{name} is not a readable training checkpoint: {error}") from None
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise UserError(f"{name} is not a training checkpoint of format {_FORMAT}")
    return state
