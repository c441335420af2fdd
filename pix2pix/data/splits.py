"""Which pair is for training, for choosing (dev) and for the final score (test).

Neither the order of the files nor how often this is asked decides on which side of a cut a pair
falls, only the hash of its id and the seed.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Literal

from pix2pix.config import DataConfig
from pix2pix.errors import UserError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


def assign_splits(folders: Mapping[str, str | None], config: DataConfig) -> dict[str, Split]:
    """Assign each pair id to a split, given the split folder (or None) that it lies in.

    The folder test is test; where there is none, val is, as the published sets name it. dev is the
    folder dev, or val beside test. A split without a folder is carved from train: test_fraction of
    its pairs, then dev_fraction of the rest, rounded, at least one. Pairs in no folder at all count
    as train. Raises UserError if a split would be empty or the folders are ambiguous.
    """
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
    return splits | _carve(rest, carved, seed=config.split_seed)


def _roles(present: Collection[str | None]) -> tuple[str | None, str | None]:
    """The folders that are test and dev, None where there is none. Raises UserError."""
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


def _carve(
    pair_ids: Collection[str], carved: Collection[tuple[Split, float]], *, seed: int
) -> dict[str, Split]:
    """Cut the `carved` (split, share of what is left) off `pair_ids`; the remainder is train."""
    if len(pair_ids) <= len(carved):
        names = " and ".join(["train", *(split for split, _ in carved)])
        raise UserError(
            f"{len(pair_ids)} pair(s) where {names} need at least {len(carved) + 1}; add pairs"
        )
    rest = sorted(pair_ids, key=lambda pair_id: _draw(seed, pair_id))
    splits: dict[str, Split] = {}
    for num_done, (split, fraction) in enumerate(carved):
        largest = len(rest) - (len(carved) - num_done)  # one is left for each split to come
        size = min(max(round(fraction * len(rest)), 1), largest)
        splits |= dict.fromkeys(rest[:size], split)
        rest = rest[size:]
    return splits | dict.fromkeys(rest, "train")


def _draw(seed: int, pair_id: str) -> bytes:
    """A place in the order of carving that no other pair has a say in."""
    return hashlib.sha256(f"{seed}:{pair_id}".encode()).digest()
