"""Every offence of a data set, in one report."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import DataConfig, load_params
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.report import as_dict, format_report
from pix2pix.sources.synthetic import draw_pair
from tests.support.small_sets import save

PARAMS = Path(__file__).parents[3] / "params" / "default.yaml"
MAPS = Path(__file__).parents[4] / "shared" / "datasets" / "maps"
SIZE = 40

Change = Callable[[np.ndarray], np.ndarray]


def make_config(**changes: object) -> DataConfig:
    """Label ids 0..3 in folder A, photos with values up to 250 in folder B."""
    config = load_params(PARAMS).data
    side_a = replace(config.side_a, kind="labels", channels=1, num_labels=4)
    side_b = replace(config.side_b, value_range=(0.0, 250.0))
    defaults = {
        "source": "folder",
        "path": "photos",
        "layout": "two_folders",
        "side_a": side_a,
        "side_b": side_b,
        "image_size": 32,
        "load_size": 36,
        "near_duplicate_bits": 12,
    }
    return replace(config, **(defaults | changes))


def draw(seed: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Label ids and a photo, as noise in blocks of 4 px."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 4, (size // 4, size // 4, 1), dtype=np.uint8)
    photo = rng.integers(0, 240, (size // 4, size // 4, 3), dtype=np.uint8)
    return tuple(image.repeat(4, axis=0).repeat(4, axis=1) for image in (ids, photo))


def save_pair(root: Path, pair_id: str, ids: np.ndarray, photo: np.ndarray) -> None:
    save(root / "A" / f"{pair_id}.png", ids)
    save(root / "B" / f"{pair_id}.png", photo)


def write_sound(root: Path, num_train: int = 6) -> None:
    for index in range(num_train):
        save_pair(root, f"train/{index}", *draw(index))
    for index in range(2):
        save_pair(root, f"dev/{index}", *draw(100 + index))
        save_pair(root, f"test/{index}", *draw(200 + index))


def planted(root: Path) -> dict[str, str]:
    """Spoil a sound set in every way a set in two folders can be; kind by pair."""
    write_sound(root)
    ids, photo = draw(300)
    whole = io.BytesIO()
    Image.fromarray(photo).save(whole, format="JPEG")
    save(root / "A/train/cut.png", ids)
    (root / "B/train/cut.jpg").write_bytes(whole.getvalue()[:-200])
    save(root / "A/train/text.png", ids)
    (root / "B/train/text.png").write_text("no image")
    save(root / "A/train/lone.png", ids)
    save_pair(root, "train/twice", *draw(301))
    save(root / "B/train/twice.npy", photo)
    save_pair(root, "stray", *draw(302))
    save_pair(root, "train/sizes", ids, draw(303, size=44)[1])
    save_pair(root, "train/grey", ids, photo[..., :1])
    save(root / "A/train/deep.png", draw(304)[0])
    save(root / "B/train/deep.npy", draw(304)[1].astype(np.uint16))
    save_pair(root, "train/flat", draw(305)[0], np.full_like(photo, 7))
    save_pair(root, "train/void", np.where(ids == 3, 255, ids).astype(np.uint8), draw(306)[1])
    save_pair(root, "train/bright", draw(307)[0], np.where(photo > 230, 255, photo).astype("u1"))
    save_pair(root, "train/small", *draw(308, size=28))
    save_pair(root, "train/copy", *draw(200))
    brighter = draw(201)[1] + np.uint8(5)
    save_pair(root, "dev/like", draw(201)[0], brighter)
    return {
        "train/cut": "unreadable",
        "train/text": "unreadable",
        "train/lone": "missing_partner",
        "train/twice": "same_stem",
        "stray": "outside_split_folders",
        "train/sizes": "size_mismatch",
        "train/grey": "wrong_channels",
        "train/deep": "mixed_dtype",
        "train/flat": "constant_image",
        "train/void": "label_values",
        "train/bright": "out_of_range",
        "train/small": "too_small",
        "train/copy": "duplicate_across_splits",
        "dev/like": "near_duplicate_across_splits",
    }


@pytest.mark.parametrize("num_workers", [1, 2])
def test_every_offence_is_found_and_nothing_else(tmp_path: Path, num_workers: int) -> None:
    expected = planted(tmp_path)

    report = check_pairs(tmp_path, make_config(), num_workers=num_workers)

    found = [(pair_id, item.kind) for item in report.offences for pair_id in item.pair_ids]
    assert sorted(found) == sorted(expected.items())
    sound = [pair.files.pair_id for pair in report.pairs]
    assert sound == sorted(
        [f"{split}/{index}" for split in ("dev", "test") for index in range(2)]
        + [f"train/{index}" for index in range(6)]
    )
    assert report.num_found == len(sound) + len(expected)
    assert report.dtypes == ("uint8", "uint8")


def test_the_report_names_each_offender_and_reads_back_as_json(tmp_path: Path) -> None:
    expected = planted(tmp_path)
    report = check_pairs(tmp_path, make_config())

    text = format_report(report)
    read = json.loads(json.dumps(as_dict(report)))

    assert text.startswith("24 pairs found, 10 sound (6 train, 2 dev, 2 test), 14 offences\n")
    assert str(tmp_path) not in text
    for pair_id, kind in expected.items():
        assert f"{kind.replace('_', ' ')} (" in text
        assert pair_id in text
        listed = [name for item in read["offences"][kind]["items"] for name in item["pairs"]]
        assert pair_id in listed
    assert read["num_by_split"] == {"train": 6, "dev": 2, "test": 2}


def test_a_long_list_is_cut_for_the_console_only(tmp_path: Path) -> None:
    write_sound(tmp_path)
    for index in range(5):
        (tmp_path / f"A/train/{index}.png").write_bytes(b"")
    report = check_pairs(tmp_path, make_config())

    assert "  ... and 3 more" in format_report(report, max_per_kind=2).splitlines()
    assert as_dict(report)["offences"]["unreadable"]["count"] == 5


def test_an_odd_width_is_found_side_by_side(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / f"{index}.png", np.hstack([draw(index)[1], draw(index + 9)[1]]))
    save(tmp_path / "odd.png", draw(20, size=80)[1][:, :79])
    config = make_config(layout="side_by_side", side_a=make_config().side_b)

    report = check_pairs(tmp_path, config)

    assert [(item.kind, item.pair_ids) for item in report.offences] == [("odd_width", ("odd",))]


def test_floats_need_a_declared_range(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / f"A/{index}.png", draw(index)[0])
        save(tmp_path / f"B/{index}.npy", draw(index)[1].astype(np.float32) / 240)
    config = make_config(side_b=replace(make_config().side_b, value_range=None))

    report = check_pairs(tmp_path, config)

    assert [(item.kind, item.pair_ids) for item in report.offences] == [("no_value_range", ())]
    assert report.is_beyond_excluding
    narrow = make_config(side_b=replace(make_config().side_b, value_range=(0.0, 0.5)))
    kinds = {item.kind for item in check_pairs(tmp_path, narrow).offences}
    assert kinds == {"out_of_range", "too_few_pairs"}


@pytest.mark.parametrize("kind", ["unreadable", "missing_partner"])
def test_a_test_folder_without_a_sound_pair_is_not_replaced_by_training_pairs(
    tmp_path: Path, kind: str
) -> None:
    write_sound(tmp_path)
    for index in range(2):
        path = tmp_path / f"A/test/{index}.png"
        if kind == "unreadable":
            path.write_bytes(b"")
        else:
            path.unlink()

    report = check_pairs(tmp_path, make_config())

    assert [item.kind for item in report.offences] == [kind, kind, "too_few_pairs"]
    assert report.pairs == ()


def test_too_few_sound_pairs_raise_where_nothing_else_is_wrong(tmp_path: Path) -> None:
    save_pair(tmp_path, "1", *draw(1))

    with pytest.raises(ValueError, match=r"1 pair\(s\).*at least 3"):
        check_pairs(tmp_path, make_config())


def write_clips(root: Path, num_clips: int, *, folder: str = "") -> None:
    """Two frames each, without split folders unless `folder` is one."""
    for clip in range(num_clips):
        for frame in range(2):
            save_pair(root, f"{folder}clip{clip}_{frame}", *draw(10 * clip + frame))


def split_of(root: Path, **changes: object) -> dict[str, str]:
    report = check_pairs(root, make_config(**changes), num_workers=1)
    return {pair.files.pair_id: pair.split for pair in report.pairs}


def test_leaving_bad_pairs_out_moves_no_sound_one(tmp_path: Path) -> None:
    write_clips(tmp_path, 20)
    before = split_of(tmp_path)
    assert set(before.values()) == {"train", "dev", "test"}
    for name in ("clip3_0", "clip4_1", "clip17_0"):
        (tmp_path / f"A/{name}.png").write_bytes(b"")
    save_pair(tmp_path, "late", draw(0)[0], draw(1)[1][:32])
    after = split_of(tmp_path, on_bad_pair="exclude")
    assert after == {name: before[name] for name in before if name in after}
    assert len(after) == len(before) - 3


def test_frames_of_a_clip_that_are_alike_are_no_leak_where_they_are_a_group(tmp_path: Path) -> None:
    write_clips(tmp_path, 24)
    for clip in range(24):
        ids, photo = draw(10 * clip)
        save_pair(tmp_path, f"clip{clip}_1", ids, photo + np.uint8(3))
    alone = check_pairs(tmp_path, make_config(), num_workers=1)
    assert {item.kind for item in alone.offences} == {"near_duplicate_across_splits"}
    together = check_pairs(tmp_path, make_config(group=r"(clip\d+)_"), num_workers=1)
    assert together.offences == ()
    splits = {pair.files.pair_id: pair.split for pair in together.pairs}
    assert all(splits[f"clip{clip}_0"] == splits[f"clip{clip}_1"] for clip in range(24))
    assert set(splits.values()) == {"train", "dev", "test"}


def test_like_frames_of_two_clips_on_two_sides_are_named_with_their_clips(tmp_path: Path) -> None:
    write_clips(tmp_path, 12)
    splits = split_of(tmp_path, group=r"(clip\d+)_")
    (train, test) = (
        next(name[:-2] for name, split in splits.items() if split == wanted)
        for wanted in ("train", "test")
    )
    save_pair(tmp_path, f"{train}_0", *draw(10 * int(test.removeprefix("clip"))))
    config = make_config(group=r"(clip\d+)_", on_bad_pair="exclude")
    report = check_pairs(tmp_path, config, num_workers=1)
    (leak,) = report.offences
    assert (leak.kind, leak.pair_ids) == ("duplicate_across_splits", (f"{train}_0",))
    assert f"in train (group '{train}') and in test (group '{test}')" in leak.message
    kept = {pair.files.pair_id: pair.split for pair in report.pairs}
    assert kept == {name: split for name, split in splits.items() if name != f"{train}_0"}


def test_a_group_that_the_folders_cut_is_an_offence_and_test_keeps_it(tmp_path: Path) -> None:
    write_clips(tmp_path, 8, folder="train/")
    save_pair(tmp_path, "test/clip3_9", *draw(900))
    report = check_pairs(tmp_path, make_config(group=r"(clip\d+)_"), num_workers=1)
    assert [(item.kind, item.pair_ids) for item in report.offences] == [
        ("group_across_splits", ("train/clip3_0",)),
        ("group_across_splits", ("train/clip3_1",)),
    ]
    left = split_of(tmp_path, group=r"(clip\d+)_", on_bad_pair="exclude")
    assert "test/clip3_9" in left
    assert "train/clip3_0" not in left
    by_folder = check_pairs(tmp_path, make_config(group=r"^(.*clip\d+)_"), num_workers=1)
    assert by_folder.offences == ()


@pytest.mark.parametrize("on_bad_pair", ["fail", "exclude"])
def test_pairs_without_a_group_are_named_and_never_just_left_out(
    tmp_path: Path, on_bad_pair: str
) -> None:
    write_clips(tmp_path, 12)
    save_pair(tmp_path, "still", *draw(900))
    config = make_config(group=r"(clip\d+)_", on_bad_pair=on_bad_pair)
    report = check_pairs(tmp_path, config, num_workers=1)
    (offence,) = report.offences
    assert (offence.kind, offence.paths) == ("no_group", ("A/still.png", "B/still.png"))
    assert "finds no group in 'still'" in format_report(report)
    assert report.is_beyond_excluding


def test_who_stands_in_for_an_empty_split_is_a_note(tmp_path: Path) -> None:
    write_clips(tmp_path, 2)
    fractions = {"dev_fraction": 0.01, "test_fraction": 0.01}
    report = check_pairs(tmp_path, make_config(**fractions), num_workers=1)
    stand_ins = {pair.split: pair.files.pair_id for pair in report.pairs if pair.split != "train"}
    dev, test = report.notes
    assert dev.startswith("no pair falls into dev by its own hash")
    assert f": {stand_ins['dev']} is used there" in dev
    assert test.startswith("no pair falls into test by its own hash")
    assert f": {stand_ins['test']} is used there" in test


def test_what_is_only_odd_is_a_note(tmp_path: Path) -> None:
    write_sound(tmp_path)
    save_pair(tmp_path, "train/again", *draw(0))
    save_pair(tmp_path, "train/blank", np.zeros((SIZE, SIZE, 1), np.uint8), draw(400)[1])
    save_pair(tmp_path, "train/wide", draw(401)[0][:36], draw(401)[1][:36])
    (tmp_path / "A/readme.txt").touch()

    report = check_pairs(tmp_path, make_config())

    assert report.offences == ()
    assert list(report.notes) == [
        "1 file(s) of other kinds were ignored: A/readme.txt",
        "1 pair(s) are not square and will be squeezed: train/wide",
        "1 pair(s) appear again within their split: train/again",
        "1 pair(s) have a label map or mask of a single value: train/blank",
    ]


def encoded(image: np.ndarray) -> np.ndarray:
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="JPEG", quality=70)
    return np.asarray(Image.open(data))


def smaller(image: np.ndarray) -> np.ndarray:
    size = round(image.shape[0] * 0.9)
    return np.asarray(Image.fromarray(image).resize((size, size)))


def brighter(image: np.ndarray) -> np.ndarray:
    return (image.clip(0, 250) + 5).astype(np.uint8)


def photos_only(**changes: object) -> DataConfig:
    side = replace(make_config().side_b, value_range=None)
    return make_config(**({"side_a": side, "side_b": side} | changes))


@pytest.mark.parametrize("change", [encoded, brighter, smaller])
def test_a_disguised_copy_in_another_split_is_found_among_facades(
    tmp_path: Path, change: Change
) -> None:
    """Facades are alike, their label maps most of all; none is taken for another."""
    for index in range(24):
        split = "test" if index < 8 else "train"
        save_pair(tmp_path, f"{split}/{index}", *draw_pair(64, np.random.default_rng(index)))
    disguised = (change(image) for image in draw_pair(64, np.random.default_rng(3)))
    save_pair(tmp_path, "train/copy", *disguised)

    report = check_pairs(tmp_path, photos_only())

    assert [(item.kind, item.pair_ids) for item in report.offences] == [
        ("near_duplicate_across_splits", ("train/copy",))
    ]
    assert report.offences[0].paths == ("A/train/copy.png", "A/test/3.png")
    assert check_pairs(tmp_path, photos_only(near_duplicate_bits=-1)).offences == ()


def test_one_label_map_with_two_different_photos_is_no_duplicate(tmp_path: Path) -> None:
    write_sound(tmp_path)
    save_pair(tmp_path, "train/other", draw(200)[0], draw(500)[1])

    assert check_pairs(tmp_path, make_config()).offences == ()


@pytest.mark.skipif(not MAPS.is_dir(), reason="the published maps set is not at hand")
def test_the_published_maps_are_sound(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        for path in sorted((MAPS / split).glob("*.jpg"))[::12]:
            (tmp_path / split / path.name).symlink_to(path)

    report = check_pairs(
        tmp_path, photos_only(layout="side_by_side", image_size=256, load_size=286)
    )

    assert report.offences == ()
    assert as_dict(report)["num_by_split"] == {"train": 24, "dev": 1, "test": 9}
