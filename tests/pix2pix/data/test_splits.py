"""Which pair goes into which split."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pix2pix.config import DataConfig, load_params
from pix2pix.data.splits import assign_splits

PARAMS = Path(__file__).parents[3] / "params" / "default.yaml"


def make_config(**changes: object) -> DataConfig:
    config = load_params(PARAMS).data
    return replace(config, **({"dev_fraction": 0.1, "test_fraction": 0.2} | changes))


def in_folders(**sizes: int) -> dict[str, str | None]:
    """`none` stands for pairs in no split folder."""
    return {
        f"{folder}/{index}": None if folder == "none" else folder
        for folder, size in sizes.items()
        for index in range(size)
    }


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"train": 20, "val": 5}, {"train": 18, "dev": 2, "test": 5}),
        ({"train": 20, "test": 5}, {"train": 18, "dev": 2, "test": 5}),
        ({"train": 20, "val": 4, "test": 5}, {"train": 20, "dev": 4, "test": 5}),
        ({"train": 20, "dev": 4, "test": 5}, {"train": 20, "dev": 4, "test": 5}),
        ({"train": 20, "dev": 4, "val": 5}, {"train": 20, "dev": 4, "test": 5}),
        ({"train": 20, "dev": 4}, {"train": 16, "dev": 4, "test": 4}),
        ({"train": 20}, {"train": 14, "dev": 2, "test": 4}),
        ({"none": 20}, {"train": 14, "dev": 2, "test": 4}),
        ({"none": 3}, {"train": 1, "dev": 1, "test": 1}),
        ({"train": 2, "test": 1}, {"train": 1, "dev": 1, "test": 1}),
    ],
)
def test_folders_become_splits_and_what_is_missing_is_carved(
    sizes: dict[str, int], expected: dict[str, int]
) -> None:
    folders = in_folders(**sizes)

    splits = assign_splits(folders, make_config())

    assert Counter(splits.values()) == expected
    assert splits.keys() == folders.keys()
    if "test" in sizes:
        assert {pair_id for pair_id in splits if splits[pair_id] == "test"} == {
            pair_id for pair_id, folder in folders.items() if folder == "test"
        }


def test_large_fractions_leave_one_pair_for_training() -> None:
    config = make_config(dev_fraction=0.99, test_fraction=0.99)

    assert Counter(assign_splits(in_folders(none=4), config).values()) == {
        "train": 1,
        "dev": 1,
        "test": 2,
    }


def test_the_order_of_the_files_does_not_matter() -> None:
    folders = in_folders(none=50)

    backwards = dict(reversed(folders.items()))

    assert assign_splits(folders, make_config()) == assign_splits(backwards, make_config())


def test_another_seed_carves_other_pairs() -> None:
    folders = in_folders(train=200, test=1)
    first, second = (
        {pair_id for pair_id, split in assign_splits(folders, config).items() if split == "dev"}
        for config in (make_config(split_seed=0), make_config(split_seed=1))
    )

    assert len(first) == len(second) == 20
    assert first != second


def test_one_pair_more_moves_no_other_pair_unless_the_share_grows() -> None:
    """Only the hash of its id says where a pair is: a newcomer at most pushes out the last."""
    config = make_config(dev_fraction=0.1)
    before = assign_splits(in_folders(train=100, test=1), config)
    after = assign_splits(in_folders(train=101, test=1), config)

    moved = [pair_id for pair_id in before if before[pair_id] != after[pair_id]]
    assert len(moved) == (after["train/100"] == "dev")


def test_the_seed_reads_as_recorded() -> None:
    """sha256("0:train/<i>") in ascending order: the first two of ten are dev."""
    splits = assign_splits(in_folders(train=10, test=1), make_config(dev_fraction=0.2))

    assert sorted(pair_id for pair_id in splits if splits[pair_id] == "dev") == [
        "train/6",
        "train/8",
    ]


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ({"none": 1}, r"1 pair\(s\) where train and test and dev need at least 3"),
        ({"none": 2}, "2 pair"),
        ({"train": 1, "test": 5}, r"1 pair\(s\) where train and dev need at least 2"),
        ({"test": 5}, "no pairs to train on: found folders test"),
        ({"val": 5, "test": 5}, "no pairs to train on: found folders test, val"),
        ({"none": 5, "train": 5}, "outside the folders train"),
        ({"train": 5, "val": 1, "dev": 1, "test": 1}, "val and dev beside test"),
        ({}, "no pairs to train on"),
    ],
)
def test_splits_that_cannot_be_filled_are_refused(sizes: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        assign_splits(in_folders(**sizes), make_config())
