"""Files of weights and arrays that hold pickles, bombs and noise: nothing is executed."""

import io
import pickle
import random
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pix2pix.errors import UserError
from pix2pix.evaluation.extractors import inception_extractor
from pix2pix.images.decode import decode
from pix2pix.models.reference import (
    discriminator_from_file,
    discriminator_from_weights,
    generator_from_file,
    generator_from_weights,
)
from pix2pix.tensor_file import read_state_dict, read_tensors
from pix2pix.training_checkpoint import load_training, save_training


class _Harm:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> object:
        return Path.touch, (self.mark,)


def _zipped(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _old(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def _numpy(value: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([value], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def test_a_file_that_was_cut_off_is_damaged(tmp_path: Path) -> None:
    """Where little is left, torch raises OSError, as it does where a disk fails."""
    path = tmp_path / "cut.pth"
    whole = _zipped({"x": torch.zeros(5000)})
    for num_bytes in (100, 5000, len(whole) - 1):
        path.write_bytes(whole[:num_bytes])
        with pytest.raises(UserError, match="it is damaged"):
            read_tensors(path)


_READERS: dict[str, Callable[[Path], object]] = {
    "generator": generator_from_file,
    "discriminator": discriminator_from_file,
    "inception": lambda path: inception_extractor(path, torch.device("cpu")),
    "training": lambda path: load_training(path.read_bytes(), name=str(path)),
}


@pytest.mark.parametrize("reader", _READERS)
@pytest.mark.parametrize("write", [_zipped, _old, pickle.dumps])
@pytest.mark.parametrize("wrap", [lambda harm: harm, lambda harm: {"a": torch.zeros(1), "b": harm}])
def test_weights_that_hold_a_pickle_run_nothing(
    tmp_path: Path,
    reader: str,
    write: Callable[[object], bytes],
    wrap: Callable[[object], object],
) -> None:
    mark, path = tmp_path / "executed", tmp_path / "weights.pth"
    path.write_bytes(write(wrap(_Harm(mark))))
    with pytest.raises(UserError, match=r"weights\.pth") as caught:
        _READERS[reader](path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value), "torch's advice to load it all the same"
    assert not mark.exists()


def test_arrays_that_hold_a_pickle_run_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    for data in (_numpy(_Harm(mark)), pickle.dumps(_Harm(mark)), _zipped(_Harm(mark))):
        with pytest.raises(UserError):
            decode(data)
    assert not mark.exists()


@pytest.mark.parametrize(
    "header", ["(" * 9000, "[" * 60_000, "{'shape': " * 900, "{'a': " + "1" * 5000]
)
def test_the_head_of_an_array_is_no_program(header: str) -> None:
    with pytest.raises(UserError):
        decode(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())


def test_an_array_that_claims_more_than_there_is_costs_no_memory() -> None:
    for shape in ((10**9, 10**9), (10**6, 10**6, 3), (2**62, 4)):
        header = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode()
        with pytest.raises(UserError):
            decode(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"x")


def test_a_packed_entry_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    plain = io.BytesIO(_zipped({"a": torch.zeros(1 << 20)}))
    packed = tmp_path / "bomb.pth"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry), zipfile.ZIP_DEFLATED)
    assert packed.stat().st_size < 1 << 16
    for source_of in (packed, packed.read_bytes(), _called_plain(packed.read_bytes())):
        with pytest.raises(UserError, match="is compressed, which torch"):
            read_tensors(source_of)


def _called_plain(packed: bytes) -> bytes:
    """The archive, with a claim that nothing is packed in both headers of each entry."""
    changed = bytearray(packed)
    for signature, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        for found in re.finditer(re.escape(signature), packed):
            changed[found.start() + place] = zipfile.ZIP_STORED
    return bytes(changed)


@pytest.mark.parametrize("shape", [(10**6, 10**6), (2,)])
def test_a_tensor_that_claims_more_than_is_stored_is_refused(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    """One value, seen as a million times a million of them, or as two."""
    path = tmp_path / "weights.pth"
    torch.save({"a": [{"b": torch.zeros(1).expand(shape)}]}, path)
    with pytest.raises(UserError, match=rf"more elements, {re.escape(str(shape))}, than are st"):
        read_tensors(path)


def test_a_tensor_without_values_is_refused(tmp_path: Path) -> None:
    for tensor in (torch.zeros(10**6, 10**6, device="meta"), torch.zeros(9, 9).to_sparse()):
        path = tmp_path / "weights.pth"
        torch.save({"a": tensor}, path)
        with pytest.raises(UserError):
            read_tensors(path)


def _outer(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """The outermost level of a published generator, and a trace of the next one."""
    return {
        "model.model.0.weight": weight,
        "model.model.3.weight": weight,
        "model.model.1.model.x": torch.zeros(1),
    }


@pytest.mark.parametrize(
    "weights",
    [
        {"model.model.0.weight": torch.zeros(4, 3, 4, 4), "model.model.1.model.x": torch.zeros(1)},
        _outer(torch.zeros(1)),
        _outer(torch.zeros(10**5, 1, 4, 4)),
        _outer(torch.zeros(0, 0, 4, 4)),
        {f"model.{2 * index}.weight": torch.zeros(10**5, 1, 1, 1) for index in range(3)},
        {f"model.{2 * index}.weight": torch.zeros(0, 0, 4, 4) for index in range(40)},
        {},
    ],
)  # fmt: skip
def test_weights_that_are_part_of_a_giant_or_of_nothing_are_one_message(
    weights: dict[str, torch.Tensor],
) -> None:
    for read in (generator_from_weights, discriminator_from_weights):
        with pytest.raises(UserError, match="weights"):
            read(weights)


def test_plain_weights_are_read_in_both_forms_of_torch(tmp_path: Path) -> None:
    weights = OrderedDict(a=torch.arange(3.0), b=torch.zeros(2, 2).T)
    for write in (_zipped, _old):
        path = tmp_path / "weights.pth"
        path.write_bytes(write(weights))
        found = read_state_dict(path)
        assert all(torch.equal(found[name], weights[name]) for name in weights)


def test_what_is_no_plain_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.pth"):
        with pytest.raises(UserError, match="missing, or no plain file"):
            read_state_dict(path)


@pytest.mark.parametrize("content", [b"hello, this is text\n", b"\x80\x02hello"])
def test_a_byte_is_no_reason(content: bytes) -> None:
    """torch says only `KeyError: 101`, the first letter that is no instruction."""
    with pytest.raises(UserError, match=r"^it is damaged, or holds more than tensors$"):
        read_tensors(content)


def test_noise_is_always_one_message(tmp_path: Path) -> None:
    """300 files, each changed at random places; what is read all the same holds tensors only."""
    draw = random.Random(0)
    path = tmp_path / "state.pt"
    save_training(path, {"a": torch.zeros(30), "b": [1, "c"], "d": {"e": 2.0}})
    originals = [path.read_bytes(), _old({"a": torch.zeros(30)})]
    save_file({"a": torch.zeros(3)}, path)
    for number in range(300):
        data = bytearray(originals[number % 2])
        for _ in range(draw.choice([1, 3, 30])):
            data[draw.randrange(len(data))] = draw.randrange(256)
        content = bytes(data[: draw.choice([len(data), draw.randrange(len(data))])])
        try:
            read_tensors(content)
        except UserError:
            continue
