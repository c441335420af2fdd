"""Files of the scientific formats, cut short or with headers that state giant sizes."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import OpenEXR
import pytest
from pydicom.uid import RLELossless

from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from pix2pix.images.options import ReadOptions, VolumeSlice
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

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 4096, (24, 16)).astype(np.uint16)
STACK = RNG.integers(-900, 900, (3, 24, 16)).astype(np.int16)

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
    # The last 20 bytes of the TIFF file are the resolution and the absence of a further page.
    last = len(data) - (24 if kind == "tiff slice" else 1)
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
        partial(dicom, GREY, Rows=65_000, Columns=65_000),
        _giant_packed_dicom,
    ],
    ids=["exr", "exr of tiles", "nifti", "nii.gz", "tiff", "dicom", "packed dicom"],
)
@pytest.mark.parametrize("part", [None, VolumeSlice("z", 0, 1000)])
def test_a_giant_size_is_refused_before_it_takes_memory(
    make: Callable[[], bytes], part: VolumeSlice | None
) -> None:
    data = make()
    tracemalloc.start()
    with pytest.raises(UserError, match="too large"):
        decode(data, ReadOptions(volume_slice=part))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23
