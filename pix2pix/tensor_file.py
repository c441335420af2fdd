"""Files of `torch.save` from elsewhere: tensors and plain values are read, code is not run.

`weights_only=True` runs nothing that a pickle asks for. What is left to a hostile file is size:
a packed entry that unpacks to gigabytes, or a tensor that claims more elements than are stored.
"""

import io
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import PickleError
from typing import Any

import torch
from torch import Tensor

from pix2pix.errors import UserError

# What torch raises on files that are damaged or made to harm; its reader is not written for those.
_DAMAGED = (
    PickleError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    struct.error,
)


def read_tensors(source: Path | bytes) -> Any:
    """What a file of `torch.save` (or its bytes) holds, on the CPU.

    Raises UserError, without the file's name, if it is damaged, holds anything but tensors and
    plain values, or claims to be larger than it is; OSError if it cannot be read.
    """
    try:
        _check_entries(source)
        file = source if isinstance(source, Path) else io.BytesIO(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols, which no user has chosen
            state = torch.load(file, map_location="cpu", weights_only=True)
        _check_sizes(state)
    except UserError:
        raise
    except _DAMAGED as error:
        raise UserError(
            f"it is damaged, or holds more than tensors ({_first_line(error)})"
        ) from None
    return state


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors by name in a file. Raises UserError as `read_tensors`, and for anything else."""
    if not path.is_file():
        raise UserError("it is missing, or no plain file")
    state = read_tensors(path)
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise UserError(f"it holds a {type(state).__name__}, not a state dict (name -> tensor)")
    return dict(state)


def _check_entries(source: Path | bytes) -> None:
    """`torch.save` packs nothing; a packed entry is there to grow. Older files are no archives."""
    file = source if isinstance(source, Path) else io.BytesIO(source)
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise UserError(
                    f"its entry {entry.filename!r} is packed, which torch.save never does"
                )


def _check_sizes(state: Any) -> None:
    """Raise UserError for a tensor of more elements than its storage has bytes for.

    Such a tensor costs nothing until it is copied, and then more memory than there is.
    """
    for tensor in _tensors(state):
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise UserError(f"it holds a tensor of layout {tensor.layout}, which no network has")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise UserError(f"a tensor claims the shape {tuple(tensor.shape)}, which is not stored")


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested containers, without recursion."""
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, Mapping | list | tuple | set) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item.values() if isinstance(item, Mapping) else item)


def _first_line(error: Exception) -> str:
    """Without torch's advice to load it all the same, which would run what the file says."""
    _, is_found, reason = str(error).partition("WeightsUnpickler error:")
    lines = (reason if is_found else str(error)).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
