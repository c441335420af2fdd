"""Translated slices become a volume that lies where the volume of their sources lies."""

import gzip

import nibabel
import numpy as np
import pytest

from pix2pix.images.decode import decode
from pix2pix.images.nifti_volume import volume_like
from pix2pix.images.options import ReadOptions, VolumeSlice
from tests.support.scientific_files import nifti

VOLUME = np.random.default_rng(0).integers(-1000, 2000, (4, 6, 8)).astype(np.int16)
# Turned by 20 degrees around x, with voxels of three unlike lengths, as of an oblique scan.
TURN = np.array([[1, 0, 0], [0, np.cos(0.35), -np.sin(0.35)], [0, np.sin(0.35), np.cos(0.35)]])
OBLIQUE = nibabel.affines.from_matvec(TURN @ np.diag([2.0, 1.5, 3.0]), [-30.0, 12.0, 7.0])


def stored(codes: str) -> nibabel.Nifti1Image:
    """The volume with its axes stored in other directions."""
    image = nibabel.Nifti1Image(VOLUME, OBLIQUE)
    image.header["descrip"] = b"a scan"
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_qform(OBLIQUE, 1)
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(OBLIQUE), nibabel.orientations.axcodes2ornt(codes)
    )
    return image.as_reoriented(turn)


def planes_of(content: bytes, slices: list[VolumeSlice]) -> list[np.ndarray]:
    return [decode(content, ReadOptions(volume_slice=each)) for each in slices]


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SRA", "PIR"])
@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("packed", [False, True])
def test_all_slices_give_the_volume_with_its_header_and_affine(
    codes: str, axis: str, packed: bool
) -> None:
    image = stored(codes)
    content = gzip.compress(image.to_bytes()) if packed else image.to_bytes()
    count = VOLUME.shape["xyz".index(axis)]
    slices = [VolumeSlice(axis, index, count) for index in range(count)]
    planes = [plane.astype(np.float32) / 4 for plane in planes_of(content, slices)]
    made_content = volume_like(content, planes, slices)
    assert made_content.startswith(b"\x1f\x8b") == packed
    made = nibabel.Nifti1Image.from_bytes(gzip.decompress(made_content) if packed else made_content)
    np.testing.assert_array_equal(made.get_fdata(), np.asarray(image.dataobj) / 4)
    assert made.get_data_dtype() == np.float32
    original = nibabel.Nifti1Image.from_bytes(image.to_bytes())
    np.testing.assert_array_equal(made.affine, original.affine)
    for field in ("descrip", "xyzt_units", "pixdim", "sform_code", "qform_code", "quatern_b"):
        np.testing.assert_array_equal(made.header[field], image.header[field])


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SRA", "PIR"])
@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("bounds", [slice(1, 4), slice(None, None, 2), slice(None, None, -1)])
def test_chosen_slices_of_another_size_keep_their_places_in_space(
    codes: str, axis: str, bounds: slice
) -> None:
    content = stored(codes).to_bytes()
    place = "xyz".index(axis)
    count = VOLUME.shape[place]
    slices = [VolumeSlice(axis, index, count) for index in range(count)[bounds]]
    planes = planes_of(content, slices)
    larger = [plane.repeat(2, axis=0).repeat(2, axis=1) for plane in planes]
    made = nibabel.Nifti1Image.from_bytes(volume_like(content, larger, slices))
    assert nibabel.aff2axcodes(made.affine) == tuple(codes) or bounds.step == -1
    old, new = (
        np.asarray(each.dataobj) for each in (nibabel.Nifti1Image.from_bytes(content), made)
    )
    to_old = np.linalg.inv(nibabel.Nifti1Image.from_bytes(content).affine) @ made.affine
    indices = np.indices(new.shape).reshape(3, -1)
    positions = to_old[:3, :3] @ indices + to_old[:3, 3:]
    nearest = np.rint(positions + 1e-3).astype(int)  # a quarter of a voxel from the centre at most
    assert np.abs(positions - nearest).max() < 0.26
    np.testing.assert_array_equal(new.ravel(), old[tuple(nearest)])


def test_channels_become_a_fourth_axis_and_scaling_is_reset() -> None:
    image = nibabel.Nifti1Image(VOLUME * 0.5, np.eye(4))
    image.set_data_dtype(np.int16)  # with a slope
    slices = [VolumeSlice("z", index, 8) for index in range(8)]
    planes = [np.full((6, 4, 2), [index, 7], np.uint8) for index in range(8)]
    made = nibabel.Nifti1Image.from_bytes(volume_like(image.to_bytes(), planes, slices))
    assert made.shape == (4, 6, 8, 2)
    expected = np.stack(np.broadcast_arrays(np.arange(8), np.full((4, 6, 8), 7)), axis=-1)
    np.testing.assert_array_equal(np.asarray(made.dataobj), expected)
    np.testing.assert_array_equal(planes_of(made.to_bytes(), slices), planes)


def test_a_single_chosen_slice_keeps_its_place() -> None:
    slices = [VolumeSlice("z", 5, 8)]
    content = nifti(VOLUME, OBLIQUE)
    made = nibabel.Nifti1Image.from_bytes(volume_like(content, planes_of(content, slices), slices))
    assert made.shape == (4, 6, 1)
    np.testing.assert_allclose(made.affine @ [0, 0, 0, 1], OBLIQUE @ [0, 0, 5, 1], atol=1e-5)
