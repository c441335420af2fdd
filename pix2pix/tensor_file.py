"""Read files of `torch.save` from untrusted sources, without running code from them.

`weights_only=True` refuses a pickle that would run code. A hostile file could still exhaust the
memory: by a compressed entry that unpacks to gigabytes, or by a tensor whose shape has more
elements than are stored. This module refuses both.
"""

import errno
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

# What torch raises on damaged or hostile files.
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
    """Load a file of `torch.save`, or its bytes, with tensors on the CPU.

    Raises UserError if the file is damaged, holds anything but tensors and plain values, or would
    need more memory than its own size; the message does not name the file. Raises OSError if the
    file cannot be read.
    """
    try:
        _check_entries(source)
        file = source if isinstance(source, Path) else io.BytesIO(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols, which the user did not choose
            state = torch.load(file, map_location="cpu", weights_only=True)
        _check_sizes(state)
    except UserError:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # In a file that was cut off, torch looks for a place before the beginning.
        raise UserError("it is damaged: its end is missing") from None
    except _DAMAGED as error:
        raise UserError(f"it is damaged, or holds more than tensors{_why(error)}") from None
    return state


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Load a state dict: tensors by name.

    Raises UserError as `read_tensors` does, and if the file holds something else.
    """
    if not path.is_file():
        raise UserError("it is missing, or no plain file")
    state = read_tensors(path)
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise UserError(f"it holds a {type(state).__name__}, not a state dict (name -> tensor)")
    return dict(state)


def _check_entries(source: Path | bytes) -> None:
    """Raise UserError if an entry of the zip archive is compressed.

    `torch.save` never compresses. Files of old versions of torch are no zip archives.
    """
    file = source if isinstance(source, Path) else io.BytesIO(source)
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise UserError(
                    f"its entry {entry.filename!r} is compressed, which torch.save never does"
                )


def _check_sizes(state: Any) -> None:
    """Raise UserError for a tensor whose shape has more elements than its storage.

    Such a tensor is small in the file, but a copy of it would need the memory of the full shape.
    """
    for tensor in _tensors(state):
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise UserError(f"it holds a tensor of layout {tensor.layout}, which no network has")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise UserError(f"a tensor has more elements, {tuple(tensor.shape)}, than are stored")


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested containers; without recursion, because the nesting may be very deep."""
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, Mapping | list | tuple | set) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item.values() if isinstance(item, Mapping) else item)


def _why(error: Exception) -> str:
    """The first line of torch's reason, in brackets; nothing if it is no sentence.

    A lookup error names only the byte that the file has in the place of an instruction. The rest
    of the message advises to load the file with weights_only=False, which would run its code.
    """
    if isinstance(error, LookupError):
        return ""
    _, has_reason, reason = str(error).partition("WeightsUnpickler error:")
    lines = (reason if has_reason else str(error)).strip().splitlines()
    return f" ({(lines[0] if lines else type(error).__name__)[:300]})"
