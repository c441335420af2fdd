"""NPY and NPZ files: the named array, the order of the axes, and hostile headers."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from pix2pix.images.options import ReadOptions, VolumeSlice
from tests.support.scientific_files import npy, npz

IMAGE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_the_only_array_of_an_npz_is_read() -> None:
    np.testing.assert_array_equal(decode(npz(anything=IMAGE)), IMAGE)


def test_the_named_array_of_an_npz_is_read() -> None:
    data = npz(ct=IMAGE, mask=IMAGE[..., 0])
    np.testing.assert_array_equal(decode(data, ReadOptions(array_key="ct")), IMAGE)
    np.testing.assert_array_equal(
        decode(data, ReadOptions(array_key="mask"))[..., 0], IMAGE[..., 0]
    )


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, r"holds 2 arrays \(ct, mask\); set array_key"),
        ("pet", r"holds no array 'pet', its arrays are ct, mask; correct array_key"),
    ],
)
def test_an_npz_without_the_array_lists_those_it_has(key: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        decode(npz(ct=IMAGE, mask=IMAGE), ReadOptions(array_key=key))


@pytest.mark.parametrize("pack", [npy, lambda array: npz(x=array)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_axes_are_in_the_declared_order(pack: object, order: str) -> None:
    stored = np.asarray(IMAGE.transpose(2, 0, 1), order=order)  # type: ignore[call-overload]
    read = decode(pack(stored), ReadOptions(axes="CHW"))  # type: ignore[operator]
    np.testing.assert_array_equal(read, IMAGE)


def test_an_array_of_two_axes_has_no_order() -> None:
    grey = IMAGE[..., 0]
    np.testing.assert_array_equal(decode(npy(grey), ReadOptions(axes="CHW"))[..., 0], grey)


@pytest.mark.parametrize("axes", ["HWC", "CHW"])
def test_a_slice_of_a_stack_is_read(axes: str) -> None:
    stack = np.stack([IMAGE, 255 - IMAGE])
    stored = stack.transpose(0, 3, 1, 2) if axes == "CHW" else stack
    options = ReadOptions(axes=axes, volume_slice=VolumeSlice("z", 1, 2))  # type: ignore[arg-type]
    for data in (npy(stored), npz(x=stored)):
        np.testing.assert_array_equal(decode(data, options), 255 - IMAGE)


def header_of(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def zipped(content: bytes, *, stated: int | None = None) -> bytes:
    """An NPZ file with one entry; its two headers state the size `stated`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    data = bytearray(file.getvalue())
    if stated is not None:
        for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            first = data.index(mark) + place
            data[first : first + 4] = stated.to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header_of((10**9, 10**9)), r"too large.*\(1000000000, 1000000000\)"),
        (zipped(header_of((10**9, 10**9))), "too large"),
        (zipped(header_of((40_000, 40_000), "|u1") + bytes(2**24)), r"too large.*\(40000, 40000\)"),
        (zipped(npy(IMAGE), stated=2**31 + 9), "too large.*2147483657 bytes"),
        (zipped(npy(IMAGE), stated=100), "truncated or damaged"),
        (header_of((4, -4)), "no plain array"),
        (zipped(b"no array"), "no plain array"),
        (zipped(header_of((2,), "|O") + b"cos\nsystem\n."), "^is no plain array"),
        (npy(np.zeros((2, 2), [("a", "u1")])), "no plain array"),
    ],
    ids=[
        *("npy", "npz", "npz of an image", "stated too much", "stated too little"),
        *("negative", "no array", "pickle", "structure"),
    ],
)
def test_hostile_headers_are_refused_before_memory_is_taken(data: bytes, message: str) -> None:
    tracemalloc.start()
    with pytest.raises(UserError, match=message):
        decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**22
