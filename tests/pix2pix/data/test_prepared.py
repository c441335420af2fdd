"""What the prepared data hold."""

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.images.resize import resize
from pix2pix.preparation.inspection import content_hash
from pix2pix.preparation.offences import Offence
from pix2pix.preparation.pairs import find_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.read_pairs import read_pair
from tests.support.folders import contents
from tests.support.labelled_photos import COLOURS, draw, make_config, write_pairs


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize("kernel", ["area", "bicubic"])
def test_the_arrays_are_the_resized_pairs_bit_for_bit(
    tmp_path: Path, dtype: str, direction: str, kernel: str, num_workers: int
) -> None:
    root = write_pairs(tmp_path / "raw", dtype=dtype)
    config = make_config(direction=direction, resize_kernel=kernel)

    manifest, _ = prepare_pairs(root, tmp_path / "prepared", config, num_workers=num_workers)

    files = {pair.pair_id: pair for pair in find_pairs(root, config).pairs}
    seen = []
    for split, size in (("train", 37), ("dev", 32), ("test", 32)):
        prepared = open_split(tmp_path / "prepared", split)
        seen += prepared.pair_ids
        assert len(prepared) == len(prepared.source) == len(prepared.target)
        for row, pair_id in enumerate(prepared.pair_ids):
            pair = read_pair(files[pair_id], config).images
            kernels = ("nearest", kernel) if direction == "AtoB" else (kernel, "nearest")
            wanted = [
                resize(*[image, size, size], kernel=name)
                for (image, _), name in zip(pair, kernels, strict=True)
            ]
            np.testing.assert_array_equal(prepared.source[row], wanted[0], strict=True)
            np.testing.assert_array_equal(prepared.target[row], wanted[1], strict=True)
            assert manifest.splits[split].content_hashes[row] == content_hash(*pair)
    assert sorted(seen) == sorted(files)
    assert manifest.source.dtype == manifest.target.dtype == dtype


def test_the_other_direction_swaps_source_and_target(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")
    prepare_pairs(root, tmp_path / "forth", make_config())
    prepare_pairs(root, tmp_path / "back", make_config(direction="BtoA"))

    forth, back = (open_split(tmp_path / name, "train") for name in ("forth", "back"))

    assert forth.pair_ids == back.pair_ids
    np.testing.assert_array_equal(forth.source, back.target)
    np.testing.assert_array_equal(forth.target, back.source)


def test_label_maps_hold_no_invented_colours(tmp_path: Path) -> None:
    prepare_pairs(write_pairs(tmp_path / "raw"), tmp_path / "prepared", make_config())

    source = np.asarray(open_split(tmp_path / "prepared", "train").source)

    found = {tuple(colour) for colour in source.reshape(-1, 3).tolist()}
    assert found == {tuple(colour) for colour in COLOURS.tolist()}


def test_the_arrays_are_mapped_read_only(tmp_path: Path) -> None:
    prepare_pairs(write_pairs(tmp_path / "raw"), tmp_path / "prepared", make_config())

    prepared = open_split(tmp_path / "prepared", "test")

    assert isinstance(prepared.source, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        prepared.target[0] = 0


def test_the_manifest_reads_back_and_records_what_was_done(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")
    manifest, report = prepare_pairs(root, tmp_path / "prepared", make_config())

    assert load_manifest(tmp_path / "prepared") == manifest
    assert (manifest.source.kind, manifest.source.kernel) == ("labels", "nearest")
    assert (manifest.target.kind, manifest.target.kernel) == ("image", "area")
    assert manifest.target.value_range == (0, 255)
    assert {split: record.size_px for split, record in manifest.splits.items()} == {
        "train": 37,
        "dev": 32,
        "test": 32,
    }
    assert manifest.splits["test"].pair_ids == ("test/0", "test/1", "test/2")
    assert report.offences == ()


def test_the_data_hash_stands_for_pixels_and_settings_only(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")

    def data_hash(root: Path, **changes: object) -> str:
        manifest, _ = prepare_pairs(root, tmp_path / "prepared", make_config(**changes))
        return manifest.data_hash

    first = data_hash(root)
    elsewhere = Path(shutil.copytree(root, tmp_path / "elsewhere"))
    assert data_hash(elsewhere) == first
    assert data_hash(root, direction="BtoA") != first
    assert data_hash(root, load_size=38) != first
    assert data_hash(root, resize_kernel="bicubic") != first
    cv2.imwrite(str(elsewhere / "test/2.png"), draw(7))
    assert data_hash(elsewhere) != first


def test_excluded_pairs_are_reported_and_leave_the_data_as_if_they_were_not_there(
    tmp_path: Path,
) -> None:
    """Byte for byte, as DVC compares them: what is left out is no reason to train anew."""
    root = write_pairs(tmp_path / "raw")
    clean, _ = prepare_pairs(root, tmp_path / "clean", make_config())
    (root / "train/bad.png").write_bytes(b"")
    shutil.copy(root / "test/1.png", root / "train/copy.png")

    manifest, report = prepare_pairs(
        root, tmp_path / "prepared", make_config(on_bad_pair="exclude")
    )

    unreadable, duplicate = report.offences
    empty = "is an empty file; replace it with a whole copy"
    assert unreadable == Offence("unreadable", ("train/bad",), ("train/bad.png",), empty)
    assert (duplicate.kind, duplicate.pair_ids) == ("duplicate_across_splits", ("train/copy",))
    assert duplicate.paths == ("train/copy.png", "test/1.png")
    assert manifest == clean
    assert contents(tmp_path / "prepared") == contents(tmp_path / "clean")


@pytest.mark.parametrize(
    "changes",
    [{"name": "other"}, {"on_bad_pair": "exclude"}, {"near_duplicate_bits": -1}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_changes_no_pair_changes_no_byte(tmp_path: Path, changes: dict[str, object]) -> None:
    root = write_pairs(tmp_path / "raw")
    prepare_pairs(root, tmp_path / "before", make_config())
    prepare_pairs(root, tmp_path / "after", make_config(**changes))
    assert contents(tmp_path / "before") == contents(tmp_path / "after")


def test_missing_and_damaged_data_are_named_with_the_command_that_makes_them(
    tmp_path: Path,
) -> None:
    prepared_dir = tmp_path / "prepared"
    with pytest.raises(ValueError, match=r"manifest\.json is missing; run `dvc repro prep"):
        load_manifest(prepared_dir)
    prepare_pairs(write_pairs(tmp_path / "raw"), prepared_dir, make_config())
    array = prepared_dir / "test/source.npy"
    whole = array.read_bytes()

    array.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"source\.npy is damaged"):
        open_split(prepared_dir, "test")
    shutil.copy(prepared_dir / "train/source.npy", array)
    with pytest.raises(ValueError, match="its manifest says"):
        open_split(prepared_dir, "test")
    array.unlink()
    with pytest.raises(ValueError, match=r"source\.npy is missing; run `dvc"):
        open_split(prepared_dir, "test")
    manifest = prepared_dir / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace("AtoB", "BtoA"))
    with pytest.raises(ValueError, match="was changed after it was written"):
        load_manifest(prepared_dir)
    manifest.write_text(re.sub(r'"size_px": \d+', '"size_px": null', text))
    with pytest.raises(ValueError, match="size_px is None, which does not fit resize: stretch"):
        load_manifest(prepared_dir)
    manifest.write_text("{}")
    with pytest.raises(
        ValueError, match=r"is no manifest of format 2: .*; run `dvc repro -f -s prepare`$"
    ) as refused:
        load_manifest(prepared_dir)
    assert "\n" not in str(refused.value)
