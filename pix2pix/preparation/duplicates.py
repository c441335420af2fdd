"""Find near duplicates: images that are equal but for encoding, size or brightness.

Each image is reduced to a thumbnail of 16x16 luma cells minus their mean, a vector of 256 numbers.
The distance of two images is the angle between their vectors, which hardly depends on brightness
and contrast. It is given in bits, 256 * angle / pi: the number of bits in which random-hyperplane
hashes of 256 bits would differ on average (Charikar 2002, sec. 3). 0 means alike, 128 unrelated.

Two pairs are near duplicates only if their targets and all of their sources are alike, because
label maps of different images can look the same.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pix2pix.images.image import resize
from pix2pix.images.luma import LUMA

NUM_BITS = 256

_CELLS = 16
# Compression noise alone would decide the direction of a nearly flat image. Therefore every vector
# gets one more component: this share of the median contrast. It makes flat images count as alike.
_COMMON = 0.3
_TINY = 1e-12  # used for a common component of zero, if all images of a side are flat
_BLOCK = 1 << 22  # distances in memory at a time: 16 MiB


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
    matches: list[Match] = []
    if not len(others):
        return matches
    num_rows = max(1, _BLOCK // len(others))
    for first in range(0, len(pairs), num_rows):
        block = pairs[first : first + num_rows]
        by_role = (block[:, role] @ others[:, role].T for role in range(block.shape[1]))
        cosines = functools.reduce(np.minimum, by_role)
        nearest = cosines.argmax(axis=1)
        angles = np.arccos(cosines[np.arange(len(nearest)), nearest].clip(-1, 1))
        num_bits = np.rint(angles * (NUM_BITS / np.pi)).astype(int)
        matches += [
            Match(first + int(row), int(nearest[row]), int(num_bits[row]))
            for row in np.flatnonzero(num_bits <= max_bits)
        ]
    return matches


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (256,) float32; luma, or the mean of the channels where there are not three."""
    channels = image.shape[2]
    weights = LUMA if channels == 3 else (1 / channels,) * channels
    cells = resize(image.astype(np.float32), _CELLS, _CELLS, kernel="area")
    luma = (cells @ np.asarray(weights, np.float32)).ravel()
    return np.asarray(luma - luma.mean())
