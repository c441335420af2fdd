"""Find near duplicates: images that are equal but for encoding, size or brightness.

Each image is reduced to a thumbnail of 16x16 luma cells minus their mean, a vector of 256 numbers.
The distance of two images is the angle between their vectors, which hardly depends on brightness
and contrast. It is given in bits, 256 * angle / pi: the number of bits in which random-hyperplane
hashes of 256 bits would differ on average (Charikar 2002, sec. 3). 0 means alike, 128 unrelated.

Two pairs are near duplicates only if their targets and all of their sources are alike, because
label maps of different images can look the same.

Comparing each pair with every other would take a time that grows with the square of their number.
Instead, all vectors are projected to a few axes. A projection shortens distances, so two pairs that
are far apart along any axis need not be compared; the pairs are divided into blocks of neighbours,
each of which is compared only with what is in its reach.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pix2pix.images.luma import LUMA
from pix2pix.images.resize import area_averages

NUM_BITS = 256

_CELLS = 16
# Compression noise alone would decide the direction of a nearly flat image. Therefore every vector
# gets one more component: this share of the median contrast. It makes flat images count as alike.
_COMMON = 0.3
_TINY = 1e-12  # used for a common component of zero, if all images of a side are flat
_AXES = 8  # per image of a pair; they hold most of the variance
_AXES_SAMPLE = 4096  # pairs that decide the axes
_BLOCK_ROWS = 32
_ROUNDING = 1e-4  # of a distance of unit vectors in float32


class Match(NamedTuple):
    """Row `row` of one set and its nearest row of another, `num_bits` apart."""

    row: int
    nearest: int
    num_bits: int


def thumbnails(images: Sequence[np.ndarray]) -> np.ndarray:
    """The thumbnails of the K images (H, W, C) of a pair: (K, 256) float32, each with mean 0."""
    return np.stack([_thumbnail(image) for image in images])


def directions(pairs: np.ndarray) -> np.ndarray:
    """Convert thumbnails of a whole set, (N, K, 256), to unit vectors, (N, K, 257) float32."""
    lengths = np.linalg.norm(pairs, axis=2, keepdims=True)
    common = np.maximum(_COMMON * np.median(lengths, axis=0, keepdims=True), _TINY)
    longer = np.concatenate([pairs, np.broadcast_to(common, lengths.shape)], axis=2)
    return np.asarray(longer / np.hypot(lengths, common), dtype=np.float32)


def nearest_within(pairs: np.ndarray, others: np.ndarray, *, max_bits: int) -> list[Match]:
    """For each row of `pairs` its nearest row of `others`, if at most `max_bits` away.

    Both are (N, K, 257) directions. The distance of two pairs is the largest of the distances
    of their sources and of their targets, in bits, rounded.
    """
    if not len(pairs) or not len(others):
        return []
    axes = _main_axes(others)
    blocks = _blocks(
        np.arange(len(pairs)),
        np.arange(len(others)),
        _projected(pairs, axes),
        _projected(others, axes),
        reach=_distance(max_bits + 0.5) + _ROUNDING,
    )
    matches = [
        Match(int(rows[match.row]), int(near[match.nearest]), match.num_bits)
        for rows, near in blocks
        for match in _compared(pairs[rows], others[near], max_bits=max_bits)
    ]
    return sorted(matches)


def _distance(num_bits: float) -> float:
    """The distance of two unit vectors that are this angle apart."""
    return 2 * math.sin(min(num_bits / NUM_BITS, 1) * math.pi / 2)


def _main_axes(pairs: np.ndarray) -> np.ndarray:
    """The orthonormal axes (K, 257, 8) along which directions (N, K, 257) vary most."""
    sample = pairs[:: math.ceil(len(pairs) / _AXES_SAMPLE)]
    centred = sample - sample.mean(axis=0)
    _, axes = np.linalg.eigh(np.einsum("nki,nkj->kij", centred, centred))  # smallest first
    return np.asarray(axes[..., -_AXES:])


def _projected(pairs: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The coordinates of directions (N, K, 257) along the axes of each role: (N, K * 8)."""
    by_role = [pairs[:, role] @ axes[role] for role in range(pairs.shape[1])]
    return np.concatenate(by_role, axis=1)


def _blocks(
    rows: np.ndarray, near: np.ndarray, points: np.ndarray, others: np.ndarray, *, reach: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Divide `rows` of `points` into blocks; with each come the rows `near` of `others` in reach.

    Blocks with nothing in reach are left out. A row of `others` is in reach if along no axis it
    lies farther than `reach` beyond the points of the block.
    """
    own, theirs = points[rows], others[near]
    low, high = own.min(axis=0), own.max(axis=0)
    near = near[((theirs >= low - reach) & (theirs <= high + reach)).all(axis=1)]
    if not len(near):
        return
    if len(rows) <= _BLOCK_ROWS:
        yield rows, near
        return
    middle = len(rows) // 2
    order = np.argpartition(own[:, (high - low).argmax()], middle)
    for half in (order[:middle], order[middle:]):
        yield from _blocks(rows[half], near, points, others, reach=reach)


def _compared(block: np.ndarray, others: np.ndarray, *, max_bits: int) -> Iterator[Match]:
    """The matches of `nearest_within`, found by comparing all with all."""
    by_role = (block[:, role] @ others[:, role].T for role in range(block.shape[1]))
    cosines = functools.reduce(np.minimum, by_role)
    nearest = cosines.argmax(axis=1)
    angles = np.arccos(cosines[np.arange(len(nearest)), nearest].clip(-1, 1))
    num_bits = np.rint(angles * (NUM_BITS / np.pi)).astype(int)
    for row in np.flatnonzero(num_bits <= max_bits):
        yield Match(int(row), int(nearest[row]), int(num_bits[row]))


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (256,) float32; luma, or the mean of the channels where there are not three."""
    channels = image.shape[2]
    weights = LUMA if channels == 3 else (1 / channels,) * channels
    cells = area_averages(image, _CELLS, _CELLS)
    luma = (cells @ np.asarray(weights, np.float32)).ravel()
    return np.asarray(luma - luma.mean())
