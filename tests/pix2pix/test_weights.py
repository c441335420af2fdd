import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pix2pix.errors import UserError
from pix2pix.weights import differing_tensors, weights_hashes

ONE = {"b": torch.tensor([1.0, 2.0]), "a": torch.tensor(3, dtype=torch.int64)}


def _folder(folder: Path, tensors: dict[str, torch.Tensor], **metadata: str) -> Path:
    folder.mkdir()
    for name in ("generator.safetensors", "discriminator.safetensors"):
        save_file(tensors, folder / name, metadata)
    return folder


def test_the_hash_is_that_of_names_types_shapes_and_bytes(tmp_path: Path) -> None:
    expected = hashlib.sha256(
        b"a\0torch.int64\0()\n"
        + bytes([3, 0, 0, 0, 0, 0, 0, 0])
        + b"b\0torch.float32\0(2,)\n"
        + bytes([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
    ).hexdigest()
    found = weights_hashes(_folder(tmp_path / "one", ONE))
    assert {each.tensors_sha256 for each in found.values()} == {expected}


def test_metadata_changes_the_hash_of_the_file_alone(tmp_path: Path) -> None:
    plain = weights_hashes(_folder(tmp_path / "one", ONE))["generator.safetensors"]
    noted = weights_hashes(_folder(tmp_path / "two", ONE, note="x"))["generator.safetensors"]
    assert plain.tensors_sha256 == noted.tensors_sha256
    assert plain.file_sha256 != noted.file_sha256


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"b": torch.tensor([1.0, 2.5])}, [("b", 0.5)]),
        ({"b": torch.tensor([1.0, float("nan")])}, [("b", None)]),
        ({"b": torch.tensor([[1.0, 2.0]])}, [("b", None)]),
        ({"b": torch.tensor([1.0, 2.0]).half()}, [("b", None)]),
        ({"c": torch.tensor([0.0])}, [("c", None)]),
        ({"a": torch.tensor(5)}, [("a", 2.0)]),
        ({}, []),
    ],
)
def test_what_differs_is_named_and_measured(
    tmp_path: Path,
    changed: dict[str, torch.Tensor],
    expected: list[tuple[str, float | None]],
) -> None:
    name = "generator.safetensors"
    one, two = _folder(tmp_path / "one", ONE), _folder(tmp_path / "two", ONE | changed)
    found = differing_tensors(one / name, two / name)
    assert [(each.name, each.largest) for each in found] == expected
    is_equal = weights_hashes(one)[name].tensors_sha256 == weights_hashes(two)[name].tensors_sha256
    assert is_equal == (not expected)


def test_zeros_of_unlike_sign_are_not_equal_bit_for_bit(tmp_path: Path) -> None:
    one = _folder(tmp_path / "one", {"x": torch.tensor([0.0])})
    two = _folder(tmp_path / "two", {"x": torch.tensor([-0.0])})
    name = "generator.safetensors"
    assert [each.largest for each in differing_tensors(one / name, two / name)] == [0.0]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "one", ONE)
    (folder / "generator.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"generator\.safetensors cannot be read as weights"):
        weights_hashes(folder)
