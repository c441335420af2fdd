"""Write slices as a NIfTI volume that lies in space where the volume of their sources lies."""

import gzip
from collections.abc import Sequence

import numpy as np

from pix2pix.images.nifti import AXES, GZIP, image_of, nibabel_module, turn_of, unpack_nifti
from pix2pix.images.options import VolumeSlice

_RAS = np.array([[0, 1], [1, 1], [2, 1]])  # the orientation of a turned volume, see `nifti`


def volume_like(
    content: bytes, planes: Sequence[np.ndarray], slices: Sequence[VolumeSlice]
) -> bytes:
    """Return a NIfTI file of `planes` (H, W, C), with the header of the NIfTI file `content`.

    `slices` are the slices of `content`, evenly spaced, that the planes were made of. The axes have
    the order and the directions of `content`. Its affine is kept where all slices are there and
    have its size; otherwise the affine is adapted, so that each voxel has its place in space.
    Several channels become a fourth axis. The file is packed if `content` is.
    """
    is_packed = content.startswith(GZIP)
    original = image_of(unpack_nifti(content) if is_packed else content)
    axis = AXES.index(slices[0].axis)
    turn = turn_of(original.header)
    nibabel = nibabel_module()
    turned = np.stack([plane.swapaxes(0, 1) for plane in planes], axis=axis)
    if turned.dtype == np.float16:  # which NIfTI does not have
        turned = turned.astype(np.float32)
    back = nibabel.orientations.ornt_transform(_RAS, turn)
    volume = nibabel.apply_orientation(turned, back)
    volume = volume[..., 0] if volume.shape[3] == 1 else volume
    to_old = _to_old_indices(original.shape, volume.shape, turn, axis=axis, slices=slices)
    header = original.header.copy()
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0  # of the values that are shown, which were others
    made = type(original)(volume, original.affine @ to_old, header=header, dtype=volume.dtype)
    data: bytes = made.to_bytes()
    return gzip.compress(data, mtime=0) if is_packed else data


def _to_old_indices(
    old_shape: Sequence[int],
    new_shape: Sequence[int],
    turn: np.ndarray,
    *,
    axis: int,
    slices: Sequence[VolumeSlice],
) -> np.ndarray:
    """The 4x4 matrix from the indices of a voxel to those of its place in the old volume.

    Within a slice, the corners of the first voxels lie on each other, and so do those of the last.
    """
    matrix = np.eye(4)
    for stored in range(3):
        old, new = ([*shape[:3], 1, 1][stored] for shape in (old_shape, new_shape))
        step = old / new
        first = (step - 1) / 2
        turned_axis, direction = turn[stored]
        if turned_axis == axis:
            step = slices[1].index - slices[0].index if len(slices) > 1 else 1
            first = slices[0].index
            if direction < 0:
                first = old - 1 - slices[-1].index
        matrix[stored, stored], matrix[stored, 3] = step, first
    return matrix
