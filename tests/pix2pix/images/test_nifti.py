"""NIfTI files, as nibabel writes them."""

import nibabel
import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.images.decode import decode, decode_file
from pix2pix.images.options import ReadOptions, VolumeSlice
from tests.support.scientific_files import nifti

VOLUME = np.random.default_rng(0).integers(-1000, 2000, (4, 5, 6)).astype(np.int16)


def read(data: bytes, axis: str, index: int) -> np.ndarray:
    count = VOLUME.shape["xyz".index(axis)]
    chosen = VolumeSlice(axis, index, count)  # type: ignore[arg-type]
    return decode(data, ReadOptions(volume_slice=chosen))[..., 0]


@pytest.mark.parametrize("packed", [False, True])
def test_each_slice_is_read_value_for_value(packed: bool) -> None:
    data = nifti(VOLUME, packed=packed)
    for index in range(6):
        np.testing.assert_array_equal(read(data, "z", index), VOLUME[:, :, index].T)
    np.testing.assert_array_equal(read(data, "x", 3), VOLUME[3].T)
    np.testing.assert_array_equal(read(data, "y", 0), VOLUME[:, 0].T)


@pytest.mark.parametrize(
    "codes", [("L", "A", "S"), ("P", "I", "R"), ("S", "R", "A"), ("R", "A", "S")]
)
def test_a_volume_stored_in_any_direction_gives_the_same_slices(codes: tuple[str, ...]) -> None:
    image = nibabel.Nifti1Image(VOLUME, np.diag([2.0, 2.0, 3.0, 1.0]))
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(codes)
    )
    turned = image.as_reoriented(turn)
    assert nibabel.aff2axcodes(turned.affine) == codes
    for axis, index in (("x", 1), ("y", 4), ("z", 2)):
        np.testing.assert_array_equal(
            read(turned.to_bytes(), axis, index), read(image.to_bytes(), axis, index)
        )


def test_the_slope_of_the_header_is_applied() -> None:
    image = nibabel.Nifti1Image(VOLUME * 0.5, np.eye(4))
    image.set_data_dtype(np.int16)
    stored = nibabel.Nifti1Image.from_bytes(image.to_bytes()).get_fdata()
    np.testing.assert_array_equal(
        read(image.to_bytes(), "z", 2), stored[:, :, 2].T.astype(np.float32)
    )


def test_version_2_and_the_other_byte_order_are_read() -> None:
    second = nibabel.Nifti2Image(VOLUME.astype(np.int32), np.eye(4)).to_bytes()
    header = nibabel.Nifti1Header(endianness=">")
    swapped = nibabel.Nifti1Image(VOLUME, np.eye(4), header).to_bytes()
    assert swapped[:4] == (348).to_bytes(4, "big")
    for data in (second, swapped):
        np.testing.assert_array_equal(read(data, "z", 5), VOLUME[:, :, 5].T)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (1, 4, 5)])
def test_a_single_slice_needs_no_setting(shape: tuple[int, ...]) -> None:
    plane = VOLUME[:, :, 0]
    decoded = decode_file(nifti(plane.reshape(shape)))
    np.testing.assert_array_equal(decoded.pixels[..., 0], plane.T)
    assert (decoded.facts.file_format, decoded.facts.dtype) == ("NIfTI", "int16")


def test_a_fourth_axis_is_channels() -> None:
    data = nifti(np.stack([VOLUME, -VOLUME], axis=3))
    pixels = decode(data, ReadOptions(volume_slice=VolumeSlice("z", 2, 6)))
    expected = np.stack([VOLUME[:, :, 2].T, -VOLUME[:, :, 2].T], axis=2)
    np.testing.assert_array_equal(pixels, expected)


def test_a_volume_without_the_setting_names_it() -> None:
    with pytest.raises(
        UserError, match=r"volume of 4x5x6; set slices of the side, as in slices: z"
    ):
        decode(nifti(VOLUME))
    with pytest.raises(UserError, match=r"shape \(2, 2, 2, 2, 2\)"):
        decode(nifti(np.zeros((2, 2, 2, 2, 2), np.int16)))


def test_label_maps_keep_their_ids() -> None:
    ids = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
    options = ReadOptions(label_ids=True, volume_slice=VolumeSlice("z", 1, 6))
    np.testing.assert_array_equal(decode(nifti(ids), options)[..., 0], ids[:, :, 1].T)


def test_an_affine_without_directions_is_passed_over() -> None:
    data = bytearray(nifti(VOLUME))
    data[280:328] = bytes(48)  # the three rows of the affine
    np.testing.assert_array_equal(read(bytes(data), "z", 1), VOLUME[:, :, 1].T)


def test_rgb_voxels_are_refused_with_the_reason() -> None:
    voxels = np.zeros((4, 5, 6), [(name, np.uint8) for name in "RGB"])
    with pytest.raises(UserError, match=r"^holds RGB voxels; store colours along"):
        decode(nifti(voxels), ReadOptions(volume_slice=VolumeSlice("z", 0, 6)))
