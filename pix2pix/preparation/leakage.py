"""Find leaks: pairs of one split that are (nearly) equal to a pair of another split.

A score on images that were trained on proves nothing. Pairs of one group (`data.group`) in
different splits are leaks, too; the user's own split folders may divide a group.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pix2pix.data.groups import group_of
from pix2pix.data.splits import Split
from pix2pix.preparation.duplicates import directions, nearest_within
from pix2pix.preparation.inspection import Inspected
from pix2pix.preparation.offences import Offence, OffenceKind

# For each split, the splits that its pairs must not leak into. A leaking pair is removed from train
# rather than from dev, and from dev rather than from test.
_PROTECTED: dict[Split, tuple[Split, ...]] = {"train": ("dev", "test"), "dev": ("test",)}


class _Leak(NamedTuple):
    """Two pairs of different splits: `leaking` is to be removed, `kept` stays."""

    kind: OffenceKind
    leaking: Inspected
    kept: Inspected
    reason: str  # what the two pairs have in common


def find_leaks(
    pairs: Sequence[Inspected],
    splits: Mapping[str, Split],
    *,
    root: Path,
    max_bits: int,
    group: str | None,
) -> list[Offence]:
    """Find the pairs of train that leak into dev or test, and the pairs of dev that leak into test.

    A pair leaks if it has the group (by the pattern `group`) or the pixels of a pair there, or is
    at most `max_bits` bits away from one, see `duplicates`; with -1, near duplicates are not
    searched. Each leaking pair gives one offence, which names the (nearest) pair that it resembles.
    `splits` must have every pair, and every pair must have a group.
    """
    leaks = [] if group is None else list(_cut_groups(pairs, splits, pattern=group))
    leaks += _unless_known(leaks, _equal(pairs, splits))
    if max_bits >= 0 and pairs:
        leaks += _unless_known(leaks, _near(pairs, splits, max_bits=max_bits))
    return [_offence(leak, splits, root=root, pattern=group) for leak in leaks]


def equal_within_splits(pairs: Sequence[Inspected], splits: Mapping[str, Split]) -> list[str]:
    """The ids of pairs that are equal to an earlier pair of the same split."""
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
    for rows, protected in _comparisons(pairs, splits):
        kept = {group_of(pairs[row].files.pair_id, pattern): pairs[row] for row in protected[::-1]}
        for pair in (pairs[row] for row in rows):
            group = group_of(pair.files.pair_id, pattern)
            if group in kept:
                yield _Leak("group_across_splits", pair, kept[group], "of one group")


def _equal(pairs: Sequence[Inspected], splits: Mapping[str, Split]) -> Iterator[_Leak]:
    for rows, protected in _comparisons(pairs, splits):
        kept = {pairs[row].content_hash: pairs[row] for row in reversed(protected)}
        for pair in (pairs[row] for row in rows):
            if pair.content_hash in kept:
                kind: OffenceKind = "duplicate_across_splits"
                yield _Leak(kind, pair, kept[pair.content_hash], "equal pixels")


def _near(
    pairs: Sequence[Inspected], splits: Mapping[str, Split], *, max_bits: int
) -> Iterator[_Leak]:
    vectors = directions(np.stack([pair.thumbnails for pair in pairs]))
    for rows, protected in _comparisons(pairs, splits):
        for match in nearest_within(vectors[rows], vectors[protected], max_bits=max_bits):
            leaking, kept = pairs[rows[match.row]], pairs[protected[match.nearest]]
            reason = f"{match.num_bits} of 256 bits apart"
            yield _Leak("near_duplicate_across_splits", leaking, kept, reason)


def _comparisons(
    pairs: Sequence[Inspected], splits: Mapping[str, Split]
) -> Iterator[tuple[list[int], list[int]]]:
    """For train and dev: the indices of their pairs, and of the pairs of the protected splits."""
    split_of = [splits[pair.files.pair_id] for pair in pairs]
    for split, protected in _PROTECTED.items():
        yield (
            [row for row, each in enumerate(split_of) if each == split],
            [row for row, each in enumerate(split_of) if each in protected],
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
        paths=(leaking.names(root)[0], kept.names(root)[0]),
        message=f"{leak.reason}, {where}",
    )
