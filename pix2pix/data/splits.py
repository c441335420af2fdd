"""Assign pairs to the splits: train, dev (to choose a model) and test (for the final score).

Each pair gets a number in [0, 1) from a hash of the seed and of its id (or its group's name). The
fractions divide [0, 1) into ranges for test, dev and train. The split of a pair therefore does not
depend on other pairs: adding or removing pairs moves none of the others. The sizes of the splits
match the fractions only on average.

There is one exception, because no split may be empty. If no number lies in the range of a split,
as can happen in small data sets, the pair with the nearest number is moved there; it is called a
stand-in. It returns to its own split once another pair falls into that range.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from pix2pix.config import DataConfig
from pix2pix.data.groups import group_of
from pix2pix.errors import UserError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

_DRAWN_BYTES = 6  # bytes of the hash to use; a float represents 48 bits exactly


class _Range(NamedTuple):
    """The part of [0, 1) whose pairs fall into a split: low <= number < high."""

    low: float
    high: float

    def distance(self, number: float) -> float:
        """The distance of a number from this range, in [0, 1]; 0 inside."""
        return max(self.low - number, number - self.high, 0.0)


def assign_splits(folders: Mapping[str, str | None], config: DataConfig) -> dict[str, Split]:
    """Assign each pair id to a split, given the split folder that its files lie in, or None.

    The test split is the folder test, or else the folder val, as in the published data sets. The
    dev split is the folder dev, or else val if test exists too. A split without a folder is taken
    from the training pairs: test_fraction of them, then dev_fraction of the rest. Pairs outside of
    split folders are training pairs. Pairs of one group (`data.group`) stay together. Raises
    UserError if there are fewer groups than splits, if a pair has no group, or if the folders are
    ambiguous.
    """
    return _assign(folders, config, fills_empty=True)


def find_stand_ins(folders: Mapping[str, str | None], config: DataConfig) -> dict[Split, list[str]]:
    """The stand-ins of each split that has any. Raises as `assign_splits` does."""
    drawn, assigned = (_assign(folders, config, fills_empty=fills) for fills in (False, True))
    moved = sorted(pair_id for pair_id in folders if drawn[pair_id] != assigned[pair_id])
    by_split = {split: [name for name in moved if assigned[name] == split] for split in SPLITS}
    return {split: names for split, names in by_split.items() if names}


def _assign(
    folders: Mapping[str, str | None], config: DataConfig, *, fills_empty: bool
) -> dict[str, Split]:
    members: dict[str | None, list[str]] = {}
    for pair_id, folder in folders.items():
        members.setdefault(folder, []).append(pair_id)
    test_folder, dev_folder = _roles(set(members))
    splits: dict[str, Split] = {}
    carved: list[tuple[Split, float]] = []
    if test_folder is None:
        carved.append(("test", config.test_fraction))
    else:
        splits |= dict.fromkeys(members[test_folder], "test")
    if dev_folder is None:
        carved.append(("dev", config.dev_fraction))
    else:
        splits |= dict.fromkeys(members[dev_folder], "dev")
    rest = members["train"] if "train" in members else members[None]
    groups = {pair_id: _group(pair_id, config.group) for pair_id in rest}
    by_group = _carve(
        set(groups.values()), _ranges(carved), seed=config.split_seed, fills_empty=fills_empty
    )
    return splits | {pair_id: by_group[group] for pair_id, group in groups.items()}


def _roles(present: Collection[str | None]) -> tuple[str | None, str | None]:
    """The folders of the test and the dev split, None if there is no such folder.

    Raises UserError if there is no folder train, or if the folders are ambiguous.
    """
    folders = sorted(filter(None, present))
    if not folders and present:
        return None, None
    if "train" not in folders:
        raise UserError(
            f"no pairs to train on: found folders {', '.join(folders) or 'with no pairs'}; "
            "put the training pairs into a folder train"
        )
    if None in present:
        raise UserError(f"some pairs lie outside the folders {', '.join(folders)}; move them")
    if {"val", "dev", "test"} <= set(folders):
        raise UserError("folders val and dev beside test: either may be dev; merge the two")
    test = next((folder for folder in ("test", "val") if folder in folders), None)
    dev = next((folder for folder in ("dev", "val") if folder in folders and folder != test), None)
    return test, dev


def _group(pair_id: str, pattern: str | None) -> str:
    group = group_of(pair_id, pattern)
    if group is None:
        raise UserError(f"data.group: {pattern!r} finds no group in {pair_id!r}; correct it")
    return group


def _ranges(carved: Collection[tuple[Split, float]]) -> dict[Split, _Range]:
    """Divide [0, 1) into a range for each (split, share of the rest), and the rest for train."""
    ranges: dict[Split, _Range] = {}
    low = 0.0
    for split, fraction in carved:
        high = low + fraction * (1 - low)
        ranges[split] = _Range(low, high)
        low = high
    return ranges | {"train": _Range(low, 1.0)}


def _carve(
    groups: Collection[str], ranges: Mapping[Split, _Range], *, seed: int, fills_empty: bool
) -> dict[str, Split]:
    """The split of each group, by the range that its number falls into."""
    if len(groups) < len(ranges):
        names = ", ".join(["train", *(split for split in ranges if split != "train")])
        raise UserError(
            f"the splits {names} need at least {len(ranges)} pairs or groups, and {len(groups)} "
            "were found; add pairs"
        )
    numbers = {group: _draw(seed, group) for group in groups}
    splits: dict[str, Split] = {
        group: next(split for split, part in ranges.items() if number < part.high)
        for group, number in numbers.items()
    }
    if fills_empty:
        for split in ranges:
            _fill(split, splits, numbers, ranges)
    return splits


def _fill(
    empty: Split,
    splits: dict[str, Split],
    numbers: Mapping[str, float],
    ranges: Mapping[Split, _Range],
) -> None:
    """If no group is in the split `empty`, move the group with the nearest number there.

    The group comes from the first of train, dev, test that has more than one group: the test split
    should change as rarely as possible.
    """
    sizes = Counter(splits.values())
    if sizes[empty]:
        return
    giver = next(split for split in SPLITS if sizes[split] > 1)
    nearest = min(
        (group for group, split in splits.items() if split == giver),
        key=lambda group: (ranges[empty].distance(numbers[group]), group),
    )
    splits[nearest] = empty


def _draw(seed: int, group: str) -> float:
    """A number in [0, 1) that depends only on the seed and on the group's name."""
    # surrogatepass: names that are not UTF-8 must have a hash, too.
    digest = hashlib.sha256(f"{seed}:{group}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:_DRAWN_BYTES]) / (1 << 8 * _DRAWN_BYTES)
