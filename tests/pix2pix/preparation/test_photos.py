"""Pairs of which a recipe makes one side from photos (layout: photos)."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import DataConfig, RecipeConfig, load_params
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.images.recipes import made_from
from pix2pix.images.resize import resize
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import BadPairsError
from tests.support.small_sets import NUM_PAIRS, PARAMS, make_config, make_side, noise, save

KINDS = ("grayscale", "edges", "sketch", "mask", "degrade")
CHANNELS = dict(zip(KINDS, (1, 1, 1, 3, 3), strict=True))


def recipe(kind: str, **changes: object) -> RecipeConfig:
    return replace(load_params(PARAMS).data.recipe, kind=kind, **changes)


def photo_config(kind: str = "mask", **changes: object) -> DataConfig:
    defaults = {"layout": "photos", "recipe": recipe(kind), "load_size": 36, "on_bad_pair": "fail"}
    return make_config(**(defaults | changes))


def write_photos(root: Path, suffix: str = ".png") -> None:
    for index in range(NUM_PAIRS):
        save(root / f"{index}{suffix}", noise(index, size=48))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_side_a_is_made_from_the_photo_at_the_size_of_its_split(
    tmp_path: Path, kind: str, direction: str
) -> None:
    write_photos(tmp_path / "photos")
    config = photo_config(kind, direction=direction)
    manifest = prepare_pairs(tmp_path / "photos", tmp_path / "out", config, num_workers=1).manifest

    made_record = manifest.source if direction == "AtoB" else manifest.target
    assert made_record.channels == CHANNELS[kind]
    assert load_manifest(tmp_path / "out").recipe == config.recipe
    for split, size in (("train", 36), ("dev", 32), ("test", 32)):
        pairs = open_split(tmp_path / "out", split)
        for position, pair_id in enumerate(pairs.pair_ids):
            photo = resize(noise(int(pair_id), size=48), size, size, kernel="area")
            made = made_from(photo, config.recipe, pair_id=pair_id, value_range=(0.0, 255.0))
            stored = (pairs.source[position], pairs.target[position])
            a, b = stored if direction == "AtoB" else stored[::-1]
            assert np.array_equal(a, made)
            assert np.array_equal(b, photo)


def test_the_same_photos_and_recipe_give_the_same_data_and_another_seed_other_scores(
    tmp_path: Path,
) -> None:
    write_photos(tmp_path / "photos")
    hashes = []
    for number, seed in enumerate((0, 0, 1)):
        config = photo_config("mask", recipe=recipe("mask", seed=seed))
        prepared = prepare_pairs(
            tmp_path / "photos", tmp_path / f"out{number}", config, num_workers=1
        )
        hashes.append((prepared.manifest.data_hash, prepared.manifest.splits["test"].hash))
    assert hashes[0] == hashes[1]
    assert hashes[0][0] != hashes[2][0]
    assert hashes[0][1] != hashes[2][1]


def test_without_a_recipe_the_manifest_is_as_before(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        save(tmp_path / "in/A" / f"{index}.png", noise(index))
        save(tmp_path / "in/B" / f"{index}.png", noise(100 + index))
    prepare_pairs(tmp_path / "in", tmp_path / "out", make_config(), num_workers=1)
    assert "recipe" not in json.loads((tmp_path / "out/manifest.json").read_text())


def test_a_manifest_from_before_the_width_of_lines_has_the_same_hashes(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    records = []
    for width in (1, 3):
        config = photo_config("edges", recipe=recipe("edges", line_px=width))
        out = tmp_path / f"out{width}"
        manifest = prepare_pairs(tmp_path / "photos", out, config, num_workers=1).manifest
        assert load_manifest(out) == manifest
        records.append(json.loads((out / "manifest.json").read_text()))
    assert "line_px" not in records[0]["recipe"]
    assert records[1]["recipe"]["line_px"] == 3
    assert records[0]["data_hash"] != records[1]["data_hash"]
    assert records[0]["splits"]["test"]["hash"] != records[1]["splits"]["test"]["hash"]


def test_enlarging_makes_small_sources_and_none_without_enlarging(tmp_path: Path) -> None:
    """With side_b.scale or without, the network sees the same pixels."""
    write_photos(tmp_path / "photos")
    small = recipe("degrade", blur_px=0.0, noise=0.0, shrink=2.0)
    stored = []
    for scale in (1.0, 2.0):
        config = photo_config(
            recipe=small, side_b=make_side(scale=scale), resize="none", load_size=None
        )
        out = tmp_path / f"out{scale:g}"
        manifest = prepare_pairs(tmp_path / "photos", out, config, num_workers=1).manifest
        assert manifest.target_scale == scale
        stored.append(np.asarray(open_split(out, "train").source[0]))
    assert np.array_equal(*stored)
    blocks = stored[0].reshape(24, 2, 24, 2, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()  # the kernel "area" enlarges to blocks


def test_one_photo_in_two_splits_is_found_although_its_masks_differ(tmp_path: Path) -> None:
    write_photos(tmp_path / "train")
    save(tmp_path / "test" / "again.png", noise(0, size=48))
    report = check_pairs(tmp_path, photo_config("mask"), num_workers=1)
    assert [offence.kind for offence in report.offences] == ["duplicate_across_splits"]


def test_label_maps_are_no_photos(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        ids = np.random.default_rng(index).integers(0, 4, (6, 6, 1)).repeat(3, axis=2) * 60
        save(tmp_path / "in" / f"{index}.png", ids.repeat(8, 0).repeat(8, 1).astype(np.uint8))
    with pytest.raises(BadPairsError, match=r"recipe on labels.*correct data\.path"):
        prepare_pairs(tmp_path / "in", tmp_path / "out", photo_config("edges"), num_workers=1)
    assert not (tmp_path / "out").exists()


def test_a_photo_without_edges_is_named(tmp_path: Path) -> None:
    write_photos(tmp_path)
    gradient = np.linspace(100, 110, 48).round().astype(np.uint8)
    save(tmp_path / "flat.png", np.broadcast_to(gradient[:, None, None], (48, 48, 3)))
    config = photo_config("sketch", recipe=recipe("edges"))
    report = check_pairs(tmp_path, config, num_workers=1)
    assert not report.offences
    assert any("flat" in note and "single value" in note for note in report.notes)


def test_the_two_folders_of_pairs_are_not_taken_for_photos(tmp_path: Path) -> None:
    for side in ("A", "B"):
        write_photos(tmp_path / side)
    with pytest.raises(UserError, match=r"layout is photos.*A and B.*data\.path"):
        check_pairs(tmp_path, photo_config(), num_workers=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": "two_folders"}, "layout: photos, or recipe.kind: null"),
        ({"recipe": replace(recipe("mask"), kind=None)}, "needs a recipe"),
        ({"side_b": make_side(kind="labels")}, "side_b.kind is labels; set side_b.kind: image"),
        ({"side_b": make_side(channels=4)}, "needs photos of 1 or 3 channels"),
        ({"side_b": make_side(nodata=-1.0)}, "side_b.nodata: null"),
        ({"side_b": make_side(scale=2.0)}, "set side_b.scale: 1"),
        (
            {"recipe": recipe("degrade", shrink=4.0), "side_b": make_side(scale=2.0)},
            "side_b.scale: 1, or 4 as recipe.shrink",
        ),
        (
            {"recipe": recipe("grayscale"), "side_b": make_side(channels=1)},
            "needs photos of 3 channels",
        ),
        ({"source": "video", "group": "(.+)/"}, "needs source: folder, got video"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        photo_config(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "degrade", "blur_px": 0.0, "noise": 0.0}, "changes nothing"),
        ({"kind": "sketch", "blur_px": 0.0}, "above 0"),
        ({"thresholds": (3.0, 2.0)}, "low <= high"),
    ],
)
def test_a_recipe_that_makes_nothing_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(recipe("mask"), **changes)
