"""The search of near duplicates finds what comparing all with all finds."""

import numpy as np
import pytest

from pix2pix.preparation.duplicates import NUM_BITS, Match, directions, nearest_within


def crowded(num_pairs: int, *, num_groups: int, seed: int) -> np.ndarray:
    """Directions (N, 2, 257) of pairs in groups: those of a group are 0 to about 40 bits apart."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(num_groups, 2, 256))
    scale = rng.uniform(0, 0.4, (num_pairs, 1, 1))
    thumbnails = centres[rng.integers(num_groups, size=num_pairs)]
    thumbnails = thumbnails + scale * rng.normal(size=thumbnails.shape)
    return directions(thumbnails - thumbnails.mean(axis=2, keepdims=True))


def compare_all(pairs: np.ndarray, others: np.ndarray, *, max_bits: int) -> list[Match]:
    matches = []
    for row, pair in enumerate(pairs):
        angles = np.arccos(np.einsum("nki,ki->nk", others, pair).clip(-1, 1)).max(axis=1)
        num_bits = int(np.rint(angles.min() * NUM_BITS / np.pi))
        if num_bits <= max_bits:
            matches.append(Match(row, int(angles.argmin()), num_bits))
    return matches


@pytest.mark.parametrize("max_bits", [0, 5, 20, 128, 256])
@pytest.mark.parametrize("num_groups", [1, 30, 600])
def test_the_nearest_pair_within_reach_is_found_as_by_comparing_all(max_bits, num_groups) -> None:
    vectors = crowded(900, num_groups=num_groups, seed=max_bits).astype(np.float64)
    pairs, others = vectors[:600], vectors[600:]
    others[:7] = pairs[100:107]
    found = nearest_within(pairs, others, max_bits=max_bits)
    assert found == compare_all(pairs, others, max_bits=max_bits)
    assert len(found) >= 7


def test_flat_images_are_alike_and_empty_sets_have_no_matches() -> None:
    flat = directions(np.zeros((100, 2, 256), np.float32))
    assert nearest_within(flat[:60], flat[60:], max_bits=0) == [Match(n, 0, 0) for n in range(60)]
    assert nearest_within(flat, flat[:0], max_bits=12) == []
    assert nearest_within(flat[:0], flat, max_bits=12) == []
