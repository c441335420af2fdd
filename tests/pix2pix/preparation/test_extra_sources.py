"""Pairs with extra sources are found, checked and prepared like all others."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import DataConfig
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.errors import UserError
from pix2pix.images.resize import resize
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.pairs import find_pairs
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.scenes import DEPTH, NUM_CLASSES, PHOTO, VOID, scene_params, write_scenes
from tests.support.small_sets import noise, save


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "raw")


def offences(root: Path, config: DataConfig | None = None) -> dict[str, list[str]]:
    """The offences as text, by kind."""
    found: dict[str, list[str]] = {}
    for offence in check_pairs(root, config or scene_params().data, num_workers=1).offences:
        found.setdefault(offence.kind, []).append(str(offence))
    return found


@pytest.mark.parametrize("rule", [{}, {"resize": "fit", "load_size": 36}])
def test_each_source_is_stored_with_its_own_dtype_and_kernel(
    root: Path, tmp_path: Path, rule: dict[str, Any]
) -> None:
    photo_side = PHOTO["side"] | {"kind": "labels"}  # labels told by colour
    params = scene_params([DEPTH, PHOTO | {"side": photo_side}], **rule)
    manifest, _ = prepare_pairs(root, tmp_path / "prepared", params.data)
    assert list(manifest.sources) == ["source", "depth", "photo"]
    assert load_manifest(tmp_path / "prepared") == manifest
    test = open_split(tmp_path / "prepared", "test")
    size = manifest.scale("test").size_of(40, 44)
    for row, pair_id in enumerate(test.pair_ids):
        name = pair_id.removeprefix("test/")
        ids = np.asarray(Image.open(root / "test/labels" / f"{name}.png"))
        ids = np.where(ids == VOID, np.uint8(NUM_CLASSES), ids)[..., None]
        depth = np.load(root / "test/depth" / f"{name}.npy")[..., None]
        photo = np.asarray(Image.open(root / "test/photo" / f"{name}.png"))
        wanted = [(ids, "nearest"), (depth, "area"), (photo, "nearest")]
        for images, (image, kernel) in zip(test.sources, wanted, strict=True):
            expected = resize(image, *size, kernel=kernel)
            np.testing.assert_array_equal(images[row], expected, strict=True)


def test_the_data_hash_follows_the_extra_sources_their_order_and_their_pixels(
    root: Path, tmp_path: Path
) -> None:
    def data_hash(*extra: dict[str, Any], **data: Any) -> str:
        config = scene_params(extra, **data).data
        return prepare_pairs(root, tmp_path / "prepared", config).manifest.data_hash

    hashes = [data_hash(), data_hash(DEPTH), data_hash(PHOTO), data_hash(DEPTH, PHOTO)]
    hashes.append(data_hash(PHOTO, DEPTH))
    path = root / "train/depth/00.npy"
    np.save(path, np.load(path)[::-1])
    hashes.append(data_hash(DEPTH))
    assert len(set(hashes)) == len(hashes)


def test_a_missing_file_of_an_extra_source_is_a_bad_pair_that_is_named(root: Path) -> None:
    (root / "train/depth/00.npy").unlink()
    (root / "train/photo/01.png").rename(root / "train/photo/lone.png")
    found = offences(root)
    assert found == {
        "missing_partner": [
            "train/labels/00.png: side A has no partner on side depth",
            "train/labels/01.png: side A has no partner on side photo",
            "train/photo/lone.png: side photo has no partner on side A and B and depth",
        ]
    }


def test_what_is_wrong_with_a_file_of_an_extra_source_names_it(root: Path) -> None:
    (root / "train/photo/00.png").write_bytes(b"no image")
    save(root / "train/photo/01.png", noise(1, size=60))
    save(root / "train/photo/03.png", noise(3, channels=1)[:, :, 0].repeat(2, axis=1)[:40, :44])
    np.save(root / "train/depth/04.npy", np.full((40, 44), 2.0, np.float32))
    np.save(root / "train/depth/06.npy", np.full((40, 44), 4.0) + np.eye(40, 44) * 8)
    found = offences(root)
    assert found.keys() == {
        "unreadable",
        "size_mismatch",
        "wrong_channels",
        "constant_image",
        "out_of_range",
    }
    assert found["unreadable"][0].startswith("train/photo/00.png: is no PNG")
    assert "B is 44x40 px, photo is 60x60 px" in found["size_mismatch"][0]
    assert "train/photo/03.png: side photo: 44x40 px with 1" in found["wrong_channels"][0]
    assert "train/depth/04.npy" in found["constant_image"][0]
    assert "side depth is one flat colour: 2" in found["constant_image"][0]
    assert "side depth has values 4.0..12.0 outside 0.0..10.0" in found["out_of_range"][0]


def test_files_of_another_dtype_are_named_with_their_source(root: Path) -> None:
    save(root / "train/photo/00.npy", noise(0, dtype="uint16", size=44)[:40])
    (root / "train/photo/00.png").unlink()
    (message,) = offences(root)["mixed_dtype"]
    assert message == "train/photo/00.npy: side photo is uint16, most are uint8"


def test_a_folder_without_images_and_the_target_as_a_source_are_refused(root: Path) -> None:
    config = scene_params([PHOTO | {"folder": "nothing"}]).data
    with pytest.raises(UserError, match=r"'nothing'\) holds no .* correct the folder of photo in"):
        find_pairs(root, config)
    for split in ("train", "dev", "test"):
        shutil.copytree(root / split / "answer", root / split / "copy")
    (message,) = offences(root, scene_params([PHOTO | {"folder": "copy"}]).data)["identical_sides"]
    assert message == "photo and the target are the same picture in 12 of 12 pairs"


def test_values_of_an_undeclared_range_name_the_source(root: Path) -> None:
    side = DEPTH["side"] | {"value_range": None}
    (message,) = offences(root, scene_params([DEPTH | {"side": side}]).data)["no_value_range"]
    assert message.startswith("data.extra_sources: depth: float32 images have no natural range")


def test_pairs_are_near_duplicates_only_if_all_their_sources_are_alike(root: Path) -> None:
    for folder, suffix in (("labels", "png"), ("photo", "png"), ("answer", "png")):
        shutil.copy(root / f"train/{folder}/00.{suffix}", root / f"test/{folder}/02.{suffix}")
    config = dataclasses.replace(scene_params().data, near_duplicate_bits=12)
    assert offences(root, config) == {}
    shutil.copy(root / "train/depth/00.npy", root / "test/depth/02.npy")
    assert offences(root, config).keys() == {"duplicate_across_splits"}
    depth = np.load(root / "train/depth/00.npy")
    np.save(root / "test/depth/02.npy", depth * np.float32(0.99))
    assert offences(root, config).keys() == {"near_duplicate_across_splits"}


def test_one_pixel_too_many_is_cut_off_and_other_scales_are_resized(
    root: Path, tmp_path: Path
) -> None:
    path = root / "test/photo/02.png"
    image = np.asarray(Image.open(path))
    save(path, np.pad(image, ((0, 1), (0, 0), (0, 0))))
    for path in root.rglob("depth/*.npy"):
        np.save(path, np.load(path).repeat(2, axis=0).repeat(2, axis=1))
    depth = DEPTH | {"side": DEPTH["side"] | {"scale": 2.0}}
    config = scene_params([depth, PHOTO], resize="none", load_size=None).data
    manifest, report = prepare_pairs(root, tmp_path / "prepared", config)
    assert [extra.scale for extra in manifest.extra_sources] == [2.0, 1.0]
    assert any("differ by one pixel in 1 pair" in note for note in report.notes)
    test = open_split(tmp_path / "prepared", "test")
    np.testing.assert_array_equal(test.sources[2][0], image)
    halved = np.load(root / "test/depth/02.npy")[::2, ::2, None]
    np.testing.assert_allclose(test.sources[1][0], halved, rtol=1e-6)


def test_a_pattern_tells_the_files_of_one_folder_apart(tmp_path: Path) -> None:
    for index in range(6):
        for name in ("labels", "depth", "answer"):
            save(tmp_path / "raw/all" / f"{index}_{name}.png", noise(index))
    pattern = r"^(?P<key>\d+)_((?P<a>labels)|(?P<b>answer)|(?P<depth>depth))$"
    folders = {"folder_a": "all", "folder_b": "all", "pair_pattern": pattern}
    config = scene_params([DEPTH | {"folder": "all"}], **folders).data
    found = find_pairs(tmp_path / "raw", config)
    assert (found.offences, found.ignored, found.unmatched) == ((), (), ())
    assert [
        (pair.pair_id, pair.path_a.name, pair.path_b.name, pair.extra_paths[0].name)
        for pair in found.pairs
    ] == [
        (f"{index}", f"{index}_labels.png", f"{index}_answer.png", f"{index}_depth.png")
        for index in range(6)
    ]


def test_slices_of_all_volumes_must_agree(tmp_path: Path) -> None:
    for folder, num_slices in (("labels", 3), ("depth", 3), ("answer", 3)):
        for index in range(3):
            path = tmp_path / "raw" / folder / f"{index}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.zeros((num_slices, 40, 40, 1), np.uint8))
    np.save(tmp_path / "raw/depth/1.npy", np.zeros((4, 40, 40, 1), np.uint8))
    config = scene_params([DEPTH]).data
    sliced = {"slices": "z", "channels": 1}
    depth = dataclasses.replace(config.extra_sources[0].side, **sliced)
    config = dataclasses.replace(
        config,
        side_a=dataclasses.replace(config.side_a, **sliced),
        side_b=dataclasses.replace(config.side_b, **sliced),
        extra_sources=(dataclasses.replace(config.extra_sources[0], side=depth),),
    )
    found = find_pairs(tmp_path / "raw", config)
    assert [pair.pair_id for pair in found.pairs] == [
        f"{index}#z00{number}" for index in (0, 2) for number in range(3)
    ]
    (offence,) = found.offences
    assert offence.paths == ("labels/1.npy", "answer/1.npy", "depth/1.npy")
    assert offence.message.startswith("side A has the slices z000..z002 of 3, side depth has")
