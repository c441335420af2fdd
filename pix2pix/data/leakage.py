"""Pictures that appear in more than one split: a score on them would prove nothing."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pix2pix.data.duplicates import directions, nearest_within
from pix2pix.data.inspection import Inspected
from pix2pix.data.offences import Offence
from pix2pix.data.pairs import relative_paths
from pix2pix.data.splits import Split

# A leaking pair is taken out of train rather than dev, and out of dev rather than test.
_BETTER: dict[Split, tuple[Split, ...]] = {"train": ("dev", "test"), "dev": ("test",)}


class _Leak(NamedTuple):
    """`num_bits` None: the pixels are equal."""

    leaking: Inspected
    kept: Inspected
    num_bits: int | None


def find_leaks(
    pairs: Sequence[Inspected], splits: Mapping[str, Split], *, root: Path, max_bits: int
) -> list[Offence]:
    """Pairs of train and dev that equal one of a better split, or are within `max_bits` of 256.

    Each leaking pair is one offence, which names the nearest of those pairs; that one stays. At -1
    bits only equal pixels count. `splits` has every pair.
    """
    leaks = list(_equal(pairs, splits))
    if max_bits >= 0 and pairs:
        known = {leak.leaking.files.pair_id for leak in leaks}
        near = _near(pairs, splits, max_bits=max_bits)
        leaks += [leak for leak in near if leak.leaking.files.pair_id not in known]
    return [_offence(leak, splits, root=root) for leak in leaks]


def equal_within_splits(pairs: Sequence[Inspected], splits: Mapping[str, Split]) -> list[str]:
    """Ids of pairs whose pixels have appeared before in the same split."""
    seen: set[tuple[Split, str]] = set()
    again = []
    for pair in pairs:
        key = (splits[pair.files.pair_id], pair.content_hash)
        if key in seen:
            again.append(pair.files.pair_id)
        seen.add(key)
    return again


def _equal(pairs: Sequence[Inspected], splits: Mapping[str, Split]) -> Iterator[_Leak]:
    for rows, better in _comparisons(pairs, splits):
        kept = {pairs[row].content_hash: pairs[row] for row in reversed(better)}
        for pair in (pairs[row] for row in rows):
            if pair.content_hash in kept:
                yield _Leak(pair, kept[pair.content_hash], None)


def _near(
    pairs: Sequence[Inspected], splits: Mapping[str, Split], *, max_bits: int
) -> Iterator[_Leak]:
    vectors = directions(np.stack([pair.thumbnails for pair in pairs]))
    for rows, better in _comparisons(pairs, splits):
        for match in nearest_within(vectors[rows], vectors[better], max_bits=max_bits):
            yield _Leak(pairs[rows[match.row]], pairs[better[match.nearest]], match.num_bits)


def _comparisons(
    pairs: Sequence[Inspected], splits: Mapping[str, Split]
) -> Iterator[tuple[list[int], list[int]]]:
    """Rows of `pairs` in a split, and in the splits they must not leak into."""
    of = [splits[pair.files.pair_id] for pair in pairs]
    for split, better in _BETTER.items():
        yield (
            [row for row, found in enumerate(of) if found == split],
            [row for row, found in enumerate(of) if found in better],
        )


def _offence(leak: _Leak, splits: Mapping[str, Split], *, root: Path) -> Offence:
    leaking, kept = leak.leaking.files, leak.kept.files
    is_equal = leak.num_bits is None
    apart = "equal pixels" if is_equal else f"{leak.num_bits} of 256 bits apart"
    where = f"in {splits[leaking.pair_id]} and in {splits[kept.pair_id]}"
    return Offence(
        kind="duplicate_across_splits" if is_equal else "near_duplicate_across_splits",
        pair_ids=(leaking.pair_id,),
        paths=relative_paths(root, (leaking.path_a, kept.path_a)),
        message=f"{apart}, {where}",
    )
