"""Files of the scientific formats, cut short or with headers that state giant sizes."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from pydicom.uid import RLELossless

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.images.volumes import selected_slices
from tests.support.scientific_files import (
    dicom,
    dicom_bytes,
    dicom_dataset,
    exr,
    nifti,
    npy,
    npz,
    tiff,
)
from tests.support.small_sets import make_side

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 4096, (24, 16)).astype(np.uint16)
STACK = RNG.integers(-900, 900, (3, 24, 16)).astype(np.int16)


def _packed_dicom() -> bytes:
    dataset = dicom_dataset(GREY)
    dataset.compress(RLELossless)
    return dicom_bytes(dataset)


FILES: dict[str, tuple[bytes, ReadOptions]] = {
    "npy": (npy(STACK[0]), ReadOptions()),
    "npz": (npz(x=STACK[0]), ReadOptions()),
    "npz stack": (npz(x=STACK), ReadOptions(volume_slice=VolumeSlice("z", 1, 3))),
    "tiff": (tiff(STACK[0]), ReadOptions()),
    "tiff slice": (
        tiff(STACK, metadata=None),
        ReadOptions(volume_slice=VolumeSlice("z", 2, 3)),
    ),
    "exr": (exr({name: GREY.astype(np.float32) for name in "RGB"}), ReadOptions()),
    "dicom": (dicom(GREY, RescaleSlope=1, RescaleIntercept=-1024), ReadOptions()),
    "packed dicom": (_packed_dicom(), ReadOptions()),
    "nifti": (nifti(STACK), ReadOptions(volume_slice=VolumeSlice("z", 15, 16))),
    "nii.gz": (
        nifti(STACK, packed=True),
        ReadOptions(volume_slice=VolumeSlice("z", 15, 16)),
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_truncated_file_is_refused_wherever_it_is_cut(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data, options = FILES[kind]
    decode(data, options)
    # The last 20 bytes of the TIFF file are the resolution and the absence of a further page, the
    # last 8 of the packed DICOM file the mark that nothing follows.
    last = len(data) - {"tiff slice": 24, "packed dicom": 20}.get(kind, 1)
    lengths = {0, 3, 9, 40, 130, 200, 350, 420, len(data) // 2, last}
    for length in sorted(each for each in lengths if each < len(data)):
        with pytest.raises(UserError, match=r"truncated|empty|is no (PNG|plain array)"):
            decode(data[:length], options)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", FILES)
def test_changed_bytes_give_an_image_or_one_message(kind: str) -> None:
    data, options = FILES[kind]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        changed = bytearray(data)
        for place in rng.integers(0, min(len(data), 600), 3):
            changed[place] = rng.integers(0, 256)
        try:
            decode(bytes(changed), options)
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017 (either outcome is right)
            assert len(str(error)) < 400  # noqa: PT017


VOLUMES = {
    "npy": npy(STACK),
    "npz": npz(x=STACK),
    "tiff": tiff(STACK, metadata=None),
    "dicom": dicom(STACK),
    "nifti": nifti(STACK),
    "nii.gz": nifti(STACK, packed=True),
}
SLICED = make_side(channels=1, value_range=(0.0, 4095.0), slices="z")


@pytest.mark.parametrize("kind", VOLUMES)
def test_changed_bytes_give_slices_or_one_message(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    for seed in range(60):
        rng = np.random.default_rng(seed)
        changed = bytearray(VOLUMES[kind])
        for place in rng.integers(0, len(changed), 3 if kind != "npz" else 12):
            changed[place] = rng.integers(0, 256)
        path.write_bytes(changed)
        try:
            selected_slices(path, SLICED)
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017 (either outcome is right)


def _zip_entry(*, packed: int = zipfile.ZIP_DEFLATED, **fields: int) -> bytes:
    """An NPZ file with other values in some fields of its headers, of two bytes each."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as archive:
        archive.writestr("x.npy", npy(STACK))
    data = bytearray(file.getvalue())
    places = {"flags": (6, 8), "method": (8, 10), "length_of_name": (26, None)}
    for name, value in fields.items():
        for first, place in zip((0, data.index(b"PK\x01\x02")), places[name], strict=True):
            if place is not None:
                data[first + place : first + place + 2] = value.to_bytes(2, "little")
    return bytes(data)


def _bad_lzma() -> bytes:
    data = bytearray(_zip_entry(packed=zipfile.ZIP_LZMA))
    first = 30 + len("x.npy") + 4  # the properties of LZMA follow the header, the name, 4 bytes
    data[first] = 255
    return bytes(data)


_SOUND = "encrypted or packed in a way that is not read; save it again"
_DAMAGED = "truncated or damaged"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_zip_entry(flags=1), _SOUND),
        (_zip_entry(method=77), _SOUND),
        (_bad_lzma(), _DAMAGED),
        (_zip_entry(length_of_name=7), _DAMAGED),
    ],
    ids=["encrypted", "unknown compression", "bad lzma", "unlike headers"],
)
def test_an_npz_that_cannot_be_unpacked_is_one_message(
    data: bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        decode(data)
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said):
        selected_slices(path, SLICED)


def _nifti_with(field: int, kind: str, *values: float) -> bytes:
    data = bytearray(nifti(STACK))
    struct.pack_into(kind, data, field, *values)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        npy(STACK[0]).replace(b"'<i2'", b"'|S0'"),
        npy(STACK[0]).replace(b"(24, 16)", b"(%s, 0)" % (b"9" * 30)),
        _nifti_with(280, "<f", float("inf")),
        _nifti_with(42, "<h", 0),
    ],
    ids=["npy of nothing", "npy of an endless axis", "nifti of no place", "nifti of no columns"],
)
def test_a_senseless_header_is_one_message(data: bytes) -> None:
    with pytest.raises(UserError):
        decode(data, ReadOptions(volume_slice=VolumeSlice("z", 0, 3)))


def _giant_exr(*, is_tiled: bool) -> bytes:
    tiles = OpenEXR.TileDescription()
    tiles.xSize = tiles.ySize = 8
    plane = {"Y": GREY.astype(np.float32)}
    data = bytearray(exr(plane, type=OpenEXR.tiledimage, tiles=tiles) if is_tiled else exr(plane))
    for name in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
        first = data.index(name) + len(name) + 4
        data[first : first + 16] = struct.pack("<4i", 0, 0, 99_999, 99_999)
    return bytes(data)


def _giant_nifti(*, packed: bool) -> bytes:
    data = bytearray(nifti(STACK))
    data[40:56] = struct.pack("<8h", 3, 1300, 1300, 1000, 1, 1, 1, 1)
    return gzip.compress(bytes(data) + bytes(2**26), 1) if packed else bytes(data)


def _giant_tiff() -> bytes:
    data = bytearray(tiff(STACK[0]))
    for tag, value in ((256, 16), (257, 24)):
        for kind in (3, 4):
            entry = struct.pack("<HHII", tag, kind, 1, value)
            data = bytearray(data.replace(entry, struct.pack("<HHII", tag, 4, 1, 10**6)))
    return bytes(data)


def _giant_tiles() -> bytes:
    data = bytearray(tiff(np.zeros((64, 64), np.uint8), tile=(16, 16), compression="lzw"))
    for tag in (322, 323):
        data = data.replace(
            struct.pack("<HHII", tag, 4, 1, 16), struct.pack("<HHII", tag, 4, 1, 2**31)
        )
    return bytes(data)


def _giant_packed_dicom() -> bytes:
    dataset = dicom_dataset(GREY)
    dataset.compress(RLELossless)
    dataset.Rows = dataset.Columns = 65_000
    return dicom_bytes(dataset)


@pytest.mark.parametrize(
    "make",
    [
        partial(_giant_exr, is_tiled=False),
        partial(_giant_exr, is_tiled=True),
        partial(_giant_nifti, packed=False),
        partial(_giant_nifti, packed=True),
        _giant_tiff,
        _giant_tiles,
        partial(dicom, GREY, Rows=65_000, Columns=65_000),
        _giant_packed_dicom,
    ],
    ids=[
        "exr",
        "exr of tiles",
        "nifti",
        "nii.gz",
        "tiff",
        "tiff of tiles",
        "dicom",
        "packed dicom",
    ],
)
@pytest.mark.parametrize("part", [None, VolumeSlice("z", 0, 1000)])
def test_a_giant_size_is_refused_before_it_takes_memory(
    make: Callable[[], bytes], part: VolumeSlice | None
) -> None:
    data = make()
    tracemalloc.start()
    with pytest.raises(UserError, match=r"too large|truncated"):
        decode(data, ReadOptions(volume_slice=part))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23
