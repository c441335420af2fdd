"""How much a translated film flickers: what changes in it that does not move in its source.

Each pair of neighbouring frames is compared by the warping error of Lai et al. 2018 (Learning Blind
Video Temporal Consistency, sec. 4.2): the optical flow between the two frames of the source says
where each pixel has come from; the earlier frame of the result is moved accordingly, and compared
with the later one. Pixels whose flow is not confirmed by the flow in the other direction (Ruder et
al. 2016, eq. 5) are left out: they were hidden, or are moving out of the picture.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from pix2pix.cores import num_cores
from pix2pix.errors import UserError
from pix2pix.read_ahead import read_ahead

_MAX_VALUE = 255.0
_RELATIVE, _ABSOLUTE_PX2 = 0.01, 0.5  # of Ruder et al. 2016: how far two flows may differ
_AHEAD_PER_THREAD = 2  # bounds the frames that are in memory

Pair = tuple[np.ndarray, np.ndarray]  # a frame of the source, and of the result


@dataclass(frozen=True, slots=True)
class Flicker:
    """Mean absolute differences, as shares of the range of values: 0 is a film without flicker.

    `source` is the same number for the source film itself: its noise, and the errors of the flow.
    """

    result: float
    source: float
    compared: float  # the share of pixels whose flow is confirmed
    num_frames: int


def flicker(frames: Iterable[Pair]) -> Flicker:
    """Measure the flicker of pairs (source frame, result frame), each (H, W, 3) uint8.

    Source frames are resized to the result's size. Raises UserError for fewer than two frames.
    """
    sums = np.zeros(4)
    num_frames = 1
    compared = read_ahead(
        _compared,
        pairwise(map(_of_one_size, frames)),
        pool=ThreadPoolExecutor(num_cores()),
        num_ahead=num_cores() * _AHEAD_PER_THREAD,
    )
    with closing(compared):
        for each in compared:
            sums += each
            num_frames += 1
    result, source, num_compared, num_pixels = sums.tolist()
    if not num_compared:
        raise UserError("flicker needs two frames and more that show the same things")
    return Flicker(
        result=result / num_compared,
        source=source / num_compared,
        compared=num_compared / num_pixels,
        num_frames=num_frames,
    )


def _compared(neighbours: tuple[Pair, Pair]) -> tuple[float, float, int, int]:
    """Sums over a frame and the one before it.

    The differences of the result, those of the source, the number of pixels that were compared, and
    of all pixels.
    """
    (earlier_source, earlier), (later_source, later) = neighbours
    flow, is_confirmed = _confirmed_flow(later_source, earlier_source)
    return (
        float(_difference(later, _moved(earlier, flow))[is_confirmed].sum()),
        float(_difference(later_source, _moved(earlier_source, flow))[is_confirmed].sum()),
        int(is_confirmed.sum()),
        is_confirmed.size,
    )


def _of_one_size(pair: Pair) -> Pair:
    source, result = pair
    if source.shape != result.shape:
        height, width = result.shape[:2]
        source = cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA)
    return source, result


def _confirmed_flow(later: np.ndarray, earlier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The flow (H, W, 2) in pixels from `later` to `earlier`, and where it is confirmed (H, W)."""
    estimate = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    later_grey, earlier_grey = (cv2.cvtColor(i, cv2.COLOR_RGB2GRAY) for i in (later, earlier))
    unknown = np.zeros((*later.shape[:2], 2), np.float32)
    back = np.asarray(estimate.calc(later_grey, earlier_grey, unknown.copy()))
    forth = _moved(np.asarray(estimate.calc(earlier_grey, later_grey, unknown)), back)
    lengths = (back**2).sum(axis=2) + (forth**2).sum(axis=2)
    is_confirmed = ((back + forth) ** 2).sum(axis=2) < _RELATIVE * lengths + _ABSOLUTE_PX2
    columns, rows = _origins(back)
    height, width = back.shape[:2]
    is_inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    return back, is_confirmed & is_inside


def _origins(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The column and the row, each (H, W), where each pixel comes from."""
    rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
    return columns + flow[..., 0], rows + flow[..., 1]


def _moved(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The image (H, W, C), each pixel being taken from where the flow points."""
    columns, rows = _origins(flow)
    return cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The mean absolute difference of each pixel, (H, W), as a share of the range of values."""
    difference: np.ndarray = np.abs(one.astype(np.float32) - other).mean(axis=2)
    return difference / _MAX_VALUE
