"""Pictures that appear in more than one split: a score on them would prove nothing.

So do pictures of one group (`data.group`): folders of the user's own may divide it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pix2pix.data.groups import group_of
from pix2pix.data.splits import Split
from pix2pix.images.names import relative_paths
from pix2pix.preparation.duplicates import directions, nearest_within
from pix2pix.preparation.inspection import Inspected
from pix2pix.preparation.offences import Offence, OffenceKind

# A leaking pair is taken out of train rather than dev, and out of dev rather than test.
_BETTER: dict[Split, tuple[Split, ...]] = {"train": ("dev", "test"), "dev": ("test",)}


class _Leak(NamedTuple):
    """`kept` lies in a better split than `leaking`."""

    kind: OffenceKind
    leaking: Inspected
    kept: Inspected
    what: str  # they have in common


def find_leaks(
    pairs: Sequence[Inspected],
    splits: Mapping[str, Split],
    *,
    root: Path,
    max_bits: int,
    group: str | None,
) -> list[Offence]:
    """Pairs of train and dev that are too close to one of a better split.

    Those are of one group with it by the pattern `group`, equal it, or are within `max_bits` of
    256 of it; at -1 bits only equal pixels count. Each leaking pair is one offence, which names one
    of those pairs (the nearest); that one stays. `splits` has every pair, each pair has a group.
    """
    leaks = [] if group is None else list(_cut_groups(pairs, splits, pattern=group))
    leaks += _unless_known(leaks, _equal(pairs, splits))
    if max_bits >= 0 and pairs:
        leaks += _unless_known(leaks, _near(pairs, splits, max_bits=max_bits))
    return [_offence(leak, splits, root=root, pattern=group) for leak in leaks]


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


def _unless_known(known: Sequence[_Leak], leaks: Iterator[_Leak]) -> list[_Leak]:
    ids = {leak.leaking.files.pair_id for leak in known}
    return [leak for leak in leaks if leak.leaking.files.pair_id not in ids]


def _cut_groups(
    pairs: Sequence[Inspected], splits: Mapping[str, Split], *, pattern: str
) -> Iterator[_Leak]:
    for rows, better in _comparisons(pairs, splits):
        kept = {group_of(pairs[row].files.pair_id, pattern): pairs[row] for row in better[::-1]}
        for pair in (pairs[row] for row in rows):
            group = group_of(pair.files.pair_id, pattern)
            if group in kept:
                yield _Leak("group_across_splits", pair, kept[group], "of one group")


def _equal(pairs: Sequence[Inspected], splits: Mapping[str, Split]) -> Iterator[_Leak]:
    for rows, better in _comparisons(pairs, splits):
        kept = {pairs[row].content_hash: pairs[row] for row in reversed(better)}
        for pair in (pairs[row] for row in rows):
            if pair.content_hash in kept:
                kind: OffenceKind = "duplicate_across_splits"
                yield _Leak(kind, pair, kept[pair.content_hash], "equal pixels")


def _near(
    pairs: Sequence[Inspected], splits: Mapping[str, Split], *, max_bits: int
) -> Iterator[_Leak]:
    vectors = directions(np.stack([pair.thumbnails for pair in pairs]))
    for rows, better in _comparisons(pairs, splits):
        for match in nearest_within(vectors[rows], vectors[better], max_bits=max_bits):
            leaking, kept = pairs[rows[match.row]], pairs[better[match.nearest]]
            what = f"{match.num_bits} of 256 bits apart"
            yield _Leak("near_duplicate_across_splits", leaking, kept, what)


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


def _offence(
    leak: _Leak, splits: Mapping[str, Split], *, root: Path, pattern: str | None
) -> Offence:
    leaking, kept = leak.leaking.files, leak.kept.files
    where = " and ".join(
        f"in {splits[files.pair_id]}"
        + (f" (group {group_of(files.pair_id, pattern)!r})" if pattern is not None else "")
        for files in (leaking, kept)
    )
    return Offence(
        kind=leak.kind,
        pair_ids=(leaking.pair_id,),
        paths=relative_paths(root, (leaking.path_a, kept.path_a)),
        message=f"{leak.what}, {where}",
    )
