"""Which slices of a volume are images, and that the volume is read once."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from pix2pix.config import SideConfig, SlicesRule
from pix2pix.errors import UserError
from pix2pix.images import volumes
from pix2pix.images.image import read_image
from pix2pix.images.masked import read_side
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.images.volumes import selected_slices
from tests.support.scientific_files import dicom, nifti, npy, npz, tiff
from tests.support.small_sets import make_side

STACK = np.random.default_rng(0).integers(0, 4096, (7, 5, 4)).astype(np.uint16)


def side(slices: str | None, **changes: object) -> SideConfig:
    return make_side(channels=1, value_range=(0.0, 4095.0), slices=slices, **changes)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("rule", "indices"),
    [
        ("z", range(7)),
        ("z[2:5]", range(2, 5)),
        ("z[1:-1:2]", range(1, 6, 2)),
        ("z[::3]", range(0, 7, 3)),
        ("z[-2:]", range(5, 7)),
    ],
)
def test_the_rule_selects_as_a_slice_in_python(tmp_path: Path, rule: str, indices: range) -> None:
    path = write(tmp_path / "x.npy", npy(STACK))
    assert selected_slices(path, side(rule)) == [VolumeSlice("z", index, 7) for index in indices]


KINDS: dict[str, Callable[[], bytes]] = {
    "npy": lambda: npy(STACK),
    "npz": lambda: npz(x=STACK),
    "tif": lambda: tiff(STACK),
    "plain.tif": lambda: tiff(STACK, metadata=None),
    "imagej.tif": lambda: tiff(STACK, imagej=True, metadata={"axes": "ZYX"}),
    "nii": lambda: nifti(STACK.T),
    "nii.gz": lambda: nifti(STACK.T, packed=True),
    "dcm": lambda: dicom(STACK),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_volume_gives_its_slices(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"x.{kind}", KINDS[kind]())
    slices = selected_slices(path, side("z"))
    assert slices == [VolumeSlice("z", index, 7) for index in range(7)]
    for index, each in enumerate(slices):
        read = read_side(path, side("z"), each).pixels
        np.testing.assert_array_equal(read[..., 0], STACK[index])


@pytest.mark.parametrize(("axis", "count"), [("x", 4), ("y", 5), ("z", 7)])
def test_a_nifti_file_has_three_axes(tmp_path: Path, axis: str, count: int) -> None:
    path = write(tmp_path / "x.nii.gz", nifti(STACK.T, packed=True))
    slices = selected_slices(path, side(axis))
    assert slices is not None
    assert [str(each) for each in slices] == [f"{axis}{index:03d}" for index in range(count)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.npy", npy(STACK[0])),
        ("x.tif", tiff(STACK[0])),
        ("x.nii", nifti(STACK[0])),
        ("x.dcm", dicom(STACK[0])),
    ],
    ids=["npy", "tif", "nii", "dcm"],
)
def test_a_single_image_has_no_slices(tmp_path: Path, name: str, data: bytes) -> None:
    path = write(tmp_path / name, data)
    assert selected_slices(path, side("z")) is None
    assert selected_slices(path, side(None)) is None


def test_pages_of_colours_and_channels_are_slices_of_colours_and_channels(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    bands = np.random.default_rng(2).integers(0, 256, (3, 2, 5, 4), dtype=np.uint8)
    rgb = write(tmp_path / "rgb.tif", tiff(colours, photometric="rgb"))
    hyper = write(tmp_path / "hyper.tif", tiff(bands, imagej=True, metadata={"axes": "ZCYX"}))
    for path, stack in ((rgb, colours), (hyper, bands.transpose(0, 2, 3, 1))):
        slices = selected_slices(path, side("z"))
        assert slices is not None
        assert len(slices) == 3
        for index, each in enumerate(slices):
            read = read_image(path, ReadOptions(volume_slice=each))
            np.testing.assert_array_equal(read, stack[index])


@pytest.mark.parametrize(
    ("name", "data", "rule", "message"),
    [
        ("x.npy", npy(STACK), "z[9:]", r"has 7 slices, of which slices: z\[9:\] selects none"),
        ("x.npy", npy(STACK), "x", "slices can only be z, got x"),
        ("x.nii.gz", nifti(STACK.T, packed=True)[:50], "z", "truncated"),
        ("x.tif", tiff(STACK)[:60], "z", "truncated"),
        ("x.dcm", dicom(STACK)[:200], "z", "truncated"),
        ("x.npz", npz(x=STACK)[:90], "z", "truncated"),
        ("x.dcm", dicom(STACK, NumberOfFrames=10**9), "z", "too large.*1000000000 slices"),
        ("x.npy", npy(np.zeros((10**5, 1, 1), np.uint8)), "z", "too large.*100000 slices"),
    ],
    ids=[
        *("none selected", "no axis", "nii.gz", "tif", "dcm", "npz"),
        *("frames without end", "slices without end"),
    ],
)
def test_what_has_no_such_slices_is_named(
    tmp_path: Path, name: str, data: bytes, rule: str, message: str
) -> None:
    path = write(tmp_path / name, data)
    with pytest.raises(UserError, match=message):
        selected_slices(path, side(rule))


def test_a_packed_volume_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.nii.gz", nifti(STACK.T, packed=True))
    calls = []
    unpacked = volumes.unpacked

    def counted(data: bytes, *args: object, **options: object) -> bytes:
        calls.append(len(data))
        return unpacked(data, *args, **options)

    monkeypatch.setattr(volumes, "unpacked", counted)
    for each in selected_slices(path, side("z")) or ():
        read_side(path, side("z"), each)
    assert len(calls) == 1
    path.write_bytes(nifti(STACK.T // 2, packed=True))
    read = read_side(path, side("z"), VolumeSlice("z", 3, 7)).pixels
    np.testing.assert_array_equal(read[..., 0], STACK[3] // 2)


@pytest.mark.parametrize(
    ("stack", "time_s"),
    [(STACK // 2, 2), (STACK.repeat(2, axis=0) // 2, 1)],
    ids=["of its size, later", "of its time, larger"],
)
def test_a_volume_in_the_place_of_one_that_was_kept_is_read(
    tmp_path: Path, stack: np.ndarray, time_s: int
) -> None:
    path = tmp_path / "x.npy"
    for written, when in ((STACK, 1), (stack, time_s)):
        write(path, npy(written))
        os.utime(path, (when, when))
        read = read_side(path, side("z"), VolumeSlice("z", 3, len(written))).pixels
        np.testing.assert_array_equal(read[..., 0], written[3])


def test_two_arrays_of_a_file_are_two_volumes(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", npz(a=STACK, b=STACK // 2))
    for key, stack in (("a", STACK), ("b", STACK // 2)):
        read = read_side(path, side("z", array_key=key), VolumeSlice("z", 3, 7)).pixels
        np.testing.assert_array_equal(read[..., 0], stack[3])


@pytest.mark.parametrize("rule", ["w", "z[]", "z[1]", "z[::0]", "z[a:b]", "[1:2]", "z[1:2:-1]", ""])
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(SlicesRule).validate_python(rule)
