"""Turn frames upright, as players show them.

A phone that is held upright records pictures that lie on their side, with a display matrix that
says how to turn them. Models are trained with upright pictures.
"""

from collections.abc import Mapping
from typing import cast

import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

_ONE = 1 << 16  # the matrix holds fixed-point numbers of 16 fractional bits


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d): the pixel at (x, y) is shown at (a x + c y, b x + d y), each -1, 0 or 1.

    Raises ValueError for other turns than quarters and mirrors.
    """
    side_data = cast("Mapping[Type, Buffer]", frame.side_data)  # its stub knows names alone
    data = side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return (1, 0, 0, 1)
    values = np.frombuffer(bytes(data), np.int32)[[0, 1, 3, 4]]
    a, b, c, d = (int(value) for value in np.rint(values / _ONE))
    if not np.array_equal(np.array([a, b, c, d]) * _ONE, values) or abs(a * d - b * c) != 1:
        raise ValueError("is to be shown turned by other angles than quarters")
    return (a, b, c, d)


def upright(image: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Turn (H, W, C) as a `display_matrix` says."""
    a, b, c, d = matrix
    if swaps_axes(matrix):
        image, a, d = image.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1])


def swaps_axes(matrix: tuple[int, int, int, int]) -> bool:
    """Whether height and width change places."""
    return matrix[0] == 0
