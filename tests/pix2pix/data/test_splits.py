"""Which pair goes into which split."""

import math
import random
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from pix2pix.config import DataConfig, load_params
from pix2pix.data.groups import group_of
from pix2pix.data.splits import Split, assign_splits, find_stand_ins

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


def drawn_names(draw: random.Random, num: int) -> dict[str, str | None]:
    """Pairs in no folder, of names that have nothing to do with each other."""
    return {f"{draw.getrandbits(48):012x}": None for _ in range(num)}


def moved(before: dict[str, Split], after: dict[str, Split]) -> list[str]:
    """Pairs that both know and that changed sides."""
    return [pair_id for pair_id in before.keys() & after if before[pair_id] != after[pair_id]]


@pytest.mark.slow
def test_adding_pairs_and_leaving_pairs_out_moves_no_other_pair() -> None:
    draw = random.Random(0)
    for trial in range(200):
        config = make_config(split_seed=trial)
        old, new = drawn_names(draw, 100), drawn_names(draw, 10)
        kept = dict.fromkeys(draw.sample(sorted(old), 90))
        before = assign_splits(old, config)
        assert find_stand_ins(old, config) == find_stand_ins(kept, config) == {}
        assert moved(before, assign_splits(old | new, config)) == []
        assert moved(before, assign_splits(kept, config)) == []


@pytest.mark.parametrize("folders", [["test"], ["dev"], []])
def test_where_a_pair_lies_is_a_function_of_its_own_id_alone(folders: list[str]) -> None:
    """Among ever other pairs, each pair always lies where it lay before."""
    draw, config = random.Random(1), make_config()
    known: dict[str, Split] = {}
    fixed = in_folders(**dict.fromkeys(folders, 2))
    for _ in range(60):
        pairs = {f"train/{index}": "train" for index in draw.sample(range(400), 120)}
        splits = assign_splits(fixed | pairs, config)
        assert find_stand_ins(fixed | pairs, config) == {}
        assert moved(known, splits) == []
        known |= splits
    assert {known[name] for name in fixed} == set(folders)


def test_the_fractions_hold_on_average() -> None:
    """Within four standard deviations of the binomial distribution, for each of 25 seeds."""
    num, shares = 4000, {"test": 0.2, "dev": 0.8 * 0.1, "train": 0.8 * 0.9}
    for seed in range(25):
        found = Counter(assign_splits(in_folders(none=num), make_config(split_seed=seed)).values())
        for split, share in shares.items():
            deviation = math.sqrt(num * share * (1 - share))
            assert abs(found[split] - num * share) < 4 * deviation


def test_another_seed_draws_anew() -> None:
    folders = in_folders(train=2000, test=1)
    first, second = (
        {pair_id for pair_id, split in assign_splits(folders, config).items() if split == "dev"}
        for config in (make_config(split_seed=0), make_config(split_seed=1))
    )
    assert 0.3 < len(first & second) / (0.1 * 0.1 * 2000) < 3  # as if one knew nothing of the other


def test_a_larger_share_takes_from_the_next_split_and_gives_nothing_back() -> None:
    folders = in_folders(none=500)
    order: tuple[Split, ...] = ("test", "dev", "train")
    small, large = (
        assign_splits(folders, make_config(test_fraction=share)) for share in (0.2, 0.3)
    )
    assert all(order.index(large[name]) <= order.index(small[name]) for name in folders)
    assert moved(small, large) != []


def test_the_order_of_the_files_does_not_matter() -> None:
    folders = in_folders(none=50)
    backwards = dict(reversed(folders.items()))
    assert assign_splits(folders, make_config()) == assign_splits(backwards, make_config())


def test_the_hash_reads_as_recorded() -> None:
    """The first 6 bytes of sha256("0:train/<i>") / 2**48 < 0.25, by another implementation:

    for i in $(seq 0 9); do printf '0:train/%d' $i | sha256sum | cut -c1-12; done
    """
    splits = assign_splits(in_folders(train=10, test=1), make_config(dev_fraction=0.25))
    dev = sorted(pair_id for pair_id in splits if splits[pair_id] == "dev")
    assert dev == ["train/6", "train/8"]  # 0.045 and 0.230; the next is 0.402


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"train": 200, "val": 5}, {"test": 5}),
        ({"train": 200, "test": 5}, {"test": 5}),
        ({"train": 20, "val": 4, "test": 5}, {"train": 20, "dev": 4, "test": 5}),
        ({"train": 20, "dev": 4, "test": 5}, {"train": 20, "dev": 4, "test": 5}),
        ({"train": 20, "dev": 4, "val": 5}, {"train": 20, "dev": 4, "test": 5}),
        ({"train": 200, "dev": 4}, {"dev": 4}),
        ({"none": 3}, {"train": 1, "dev": 1, "test": 1}),
        ({"train": 2, "test": 1}, {"train": 1, "dev": 1, "test": 1}),
    ],
)
def test_folders_become_splits_and_what_is_missing_is_carved(
    sizes: dict[str, int], expected: dict[Split, int]
) -> None:
    folders = in_folders(**sizes)

    splits = assign_splits(folders, make_config())

    found = Counter(splits.values())
    assert splits.keys() == folders.keys()
    assert {split: found[split] for split in expected} == expected
    assert min(found["train"], found["dev"], found["test"]) > 0
    if "test" in sizes:
        assert {pair_id for pair_id in splits if splits[pair_id] == "test"} == {
            pair_id for pair_id, folder in folders.items() if folder == "test"
        }


@pytest.mark.slow
def test_no_split_is_ever_empty_and_who_stands_in_is_known() -> None:
    draw = random.Random(2)
    for trial in range(300):
        fractions = {name: draw.uniform(0.01, 0.99) for name in ("dev_fraction", "test_fraction")}
        config = make_config(split_seed=trial, **fractions)
        folders = drawn_names(draw, draw.randint(3, 8))
        splits = assign_splits(folders, config)
        assert set(splits.values()) == {"train", "dev", "test"}
        # Without those that stand in, the rest lies where its hash says: as among 500 others.
        stand_ins = {name for names in find_stand_ins(folders, config).values() for name in names}
        among_many = assign_splits(folders | drawn_names(draw, 500), config)
        if not find_stand_ins(folders | drawn_names(draw, 500), config):
            assert set(moved(splits, among_many)) <= stand_ins


def test_the_pair_that_is_drawn_nearest_stands_in() -> None:
    """Of five pairs none falls below 0.01, so that the lowest is test, and the next is dev."""
    folders = in_folders(none=5)
    config = make_config(dev_fraction=0.01, test_fraction=0.01)
    by_number = sorted(folders, key=lambda pair_id: sha256(f"0:{pair_id}".encode()).digest())
    assert find_stand_ins(folders, config) == {"test": [by_number[0]], "dev": [by_number[1]]}


GROUP = r"(clip\d+)_"


def clips(num_clips: int, frames: int, *, folder: str | None = None) -> dict[str, str | None]:
    place = "" if folder is None else f"{folder}/"
    return {
        f"{place}clip{clip}_{frame:03d}": folder
        for clip in range(num_clips)
        for frame in range(frames)
    }


@pytest.mark.parametrize("folder", [None, "train"])
def test_a_group_is_never_cut(folder: str | None) -> None:
    draw = random.Random(3)
    for trial in range(100):
        folders = clips(draw.randint(3, 30), draw.randint(1, 12), folder=folder)
        config = make_config(group=GROUP, split_seed=trial)
        splits = assign_splits(folders, config)
        lies_in = {(group_of(name, GROUP), split) for name, split in splits.items()}
        assert len(lies_in) == len({group for group, _ in lies_in})
        assert set(splits.values()) == {"train", "dev", "test"}


def test_another_clip_and_more_frames_move_no_other_clip() -> None:
    few = clips(60, 3)
    more = clips(70, 5)
    for seed in range(50):
        config = make_config(group=GROUP, split_seed=seed)
        assert moved(assign_splits(few, config), assign_splits(more, config)) == []


def test_without_a_pattern_each_pair_is_its_own_group_and_groups_are_drawn_by_name() -> None:
    alone = {f"clip{index}": None for index in range(50)}
    by_clip = assign_splits(clips(50, 2), make_config(group=GROUP))
    assert assign_splits(alone, make_config()) == {name: by_clip[f"{name}_000"] for name in alone}


@pytest.mark.parametrize(
    ("pattern", "pair_id", "group"),
    [
        (r"(clip\d+)_", "train/clip12_003", "clip12"),
        (r"^([^/]+)/", "scene 4/x", "scene 4"),
        (r"(?:train|test)/(.*)_\d+$", "test/a_b_7", "a_b"),
        (r"(clip\d+)_", "train/still_003", None),
        (r"clip(\d*)_", "clip_003", None),  # a group needs a name
        (r"clip(\d+)?_", "clip_003", None),
    ],
)
def test_a_group_is_what_the_parentheses_capture(
    pattern: str, pair_id: str, group: str | None
) -> None:
    assert group_of(pair_id, pattern) == group


def test_a_pair_without_a_group_is_named() -> None:
    with pytest.raises(ValueError, match=r"data\.group: .* finds no group in 'still_1'"):
        assign_splits(clips(5, 2) | {"still_1": None}, make_config(group=GROUP))


def test_fewer_groups_than_splits_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"the splits train, test, dev need at least 3 pairs or groups, and 2"
    ):
        assign_splits(clips(2, 50), make_config(group=GROUP))


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        (
            {"none": 1},
            r"the splits train, test, dev need at least 3 pairs or groups, and 1 were found",
        ),
        ({"none": 2}, "and 2 were found"),
        (
            {"train": 1, "test": 5},
            r"the splits train, dev need at least 2 pairs or groups, and 1 were found",
        ),
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


@pytest.mark.parametrize("seed", range(10))
def test_a_stand_in_for_dev_is_no_test_pair(seed: int) -> None:
    """It is the test split that should change as rarely as possible."""
    pairs = drawn_names(random.Random(seed), 12)
    config = make_config(test_fraction=0.5, dev_fraction=1e-9, split_seed=seed)
    splits = assign_splits(pairs, config)
    assert len(find_stand_ins(pairs, config)["dev"]) == 1
    others = assign_splits(pairs, make_config(test_fraction=0.5, dev_fraction=0.6, split_seed=seed))
    assert {name for name in pairs if splits[name] == "test"} == {
        name for name in pairs if others[name] == "test"
    }
