"""Hashes of the weights of a model folder, and how far two generators are apart."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pix2pix.checkpoint import DISCRIMINATOR_FILE, GENERATOR_FILE
from pix2pix.errors import UserError
from pix2pix.files import sha256_of_file


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsHash:
    """SHA-256 of the weights of one network."""

    tensors_sha256: str  # over names, types, shapes and values of the tensors
    file_sha256: str  # over the bytes of the file


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorDifference:
    """A tensor that two files do not have alike.

    `largest` is the largest absolute difference of two values; None if the shapes or types differ,
    if one file lacks the tensor, or if values are not finite.
    """

    name: str
    largest: float | None


def weights_hashes(model_dir: Path) -> dict[str, WeightsHash]:
    """Return the hashes of both networks by file name. Raises UserError naming an unusable file."""
    return {
        name: WeightsHash(
            tensors_sha256=_tensors_sha256(_load(model_dir / name)),
            file_sha256=sha256_of_file(model_dir / name),
        )
        for name in (GENERATOR_FILE, DISCRIMINATOR_FILE)
    }


def differing_tensors(first: Path, second: Path) -> list[TensorDifference]:
    """Return the tensors that two weight files do not have alike, bit for bit, in their order.

    Raises UserError naming an unusable file.
    """
    one, other = _load(first), _load(second)
    found = []
    for name in one | other:
        a, b = one.get(name), other.get(name)
        if a is None or b is None or a.dtype != b.dtype or a.shape != b.shape:
            found.append(TensorDifference(name=name, largest=None))
        elif _bytes(a) != _bytes(b):
            largest = float((a.double() - b.double()).abs().max())
            found.append(
                TensorDifference(name=name, largest=largest if isfinite(largest) else None)
            )
    return found


def _load(path: Path) -> dict[str, Tensor]:
    """Load the tensors of a file, in the order of their names."""
    try:
        return dict(sorted(load_file(path).items()))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read as weights: {error}") from None


def _tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\n".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
