"""Volumes, of which each slice is an image of a pair."""

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile

from pix2pix.data.manifest import load_manifest
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.report import BadPairsError
from tests.support.file_pairs import RNG, SIZE, prepared
from tests.support.scientific_files import nifti
from tests.support.volume_pairs import volume_config, write_volumes


def test_each_slice_of_a_volume_is_a_pair(tmp_path: Path) -> None:
    scans = write_volumes(tmp_path / "raw")

    images = prepared(tmp_path / "raw", volume_config("z[1:]", "z[1:]"))

    assert sorted(images) == sorted(
        f"{pair_id}#z{index:03d}" for pair_id in scans for index in (1, 2, 3)
    )
    for pair_id, scan in scans.items():
        for index in (1, 2, 3):
            source, target = images[f"{pair_id}#z{index:03d}"]
            np.testing.assert_array_equal(source[..., 0], scan[:, :, index].T)
            assert target.dtype == np.uint8
    record = load_manifest(tmp_path / "prepared").source
    assert (record.slices, record.file_dtype) == ("z[1:]", "int16")


def test_segmentations_that_are_stored_as_floats_are_class_ids(tmp_path: Path) -> None:
    write_volumes(tmp_path / "raw")
    expected = prepared(tmp_path / "raw", volume_config())
    for path in (tmp_path / "raw/B").rglob("*.nii"):
        ids = np.asarray(nibabel.load(path).dataobj)
        path.write_bytes(nifti(ids.astype(np.float64)))
    images = prepared(tmp_path / "raw", volume_config())
    assert images.keys() == expected.keys()
    for pair_id, (_, target) in images.items():
        assert target.dtype == np.uint16
        np.testing.assert_array_equal(target, expected[pair_id][1])


def test_a_report_names_the_slice(tmp_path: Path) -> None:
    write_volumes(tmp_path)
    config = replace(volume_config("z[:1]", "z[:1]"), image_size=64, load_size=64)
    offences = check_pairs(tmp_path, config, num_workers=1).offences
    assert [str(item).partition(":")[0] for item in offences if item.kind == "too_small"] == [
        f"A/{name}.nii.gz#z000, B/{name}.nii#z000"
        for name in ("test/patient4", "train/patient1", "train/patient2", "train/patient3")
    ]


def test_affines_that_differ_are_noted_with_both_files(tmp_path: Path) -> None:
    """Once for each pair of volumes, whatever the number of its slices."""
    write_volumes(tmp_path)
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert not [note for note in report.notes if note.startswith("the affines")]
    path = tmp_path / "B/train/patient2.nii"
    ids = np.asarray(nibabel.load(path).dataobj).copy()
    path.write_bytes(nifti(ids, np.diag([1.0, 1.0, 3.0, 1.0])))
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert report.offences == ()
    (note,) = (note for note in report.notes if note.startswith("the affines"))
    assert note.startswith("the affines of 1 pair of volumes or GeoTIFF files differ")
    assert note.endswith(": A/train/patient2.nii.gz and B/train/patient2.nii")


def test_a_pair_of_nifti_and_another_kind_is_noted(tmp_path: Path) -> None:
    """A file of another kind is not turned, and nothing in it tells where up is."""
    write_volumes(tmp_path)
    path = tmp_path / "B/train/patient1.nii"
    ids = np.asarray(nibabel.load(path).dataobj).astype(np.uint8)
    path.unlink()
    tifffile.imwrite(path.with_suffix(".tif"), ids.T[:, None, :, :], imagej=True)
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert report.offences == ()
    [note] = [note for note in report.notes if "turned to RAS+" in note]
    assert note.startswith("1 pair has a NIfTI file")
    assert note.endswith("A/train/patient1.nii.gz and B/train/patient1.tif")


def test_the_slices_of_a_volume_stay_in_one_split(tmp_path: Path) -> None:
    write_volumes(tmp_path)
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert report.offences == ()
    splits = {(pair.files.pair_id.partition("#")[0], pair.split) for pair in report.pairs}
    assert len(report.pairs) == 16
    assert len(splits) == 4


@pytest.mark.parametrize(
    ("depths", "slices", "message"),
    [
        ((4, 3), ("z", "z"), "side A has the slices z000..z003 of 4, side B has the slices z000"),
        ((4, 3), ("z[:2]", "z[:2]"), "slices z000..z001 of 4, side B has the slices z000..z001 of"),
        ((4, 4), ("z", "y"), "side B has the slices y000..y031 of 32"),
        ((4, 4), ("z", None), "side B has one image"),
    ],
)
def test_volumes_of_unlike_slices_are_bad_pairs(
    tmp_path: Path, depths: tuple[int, int], slices: tuple[str | None, str | None], message: str
) -> None:
    write_volumes(tmp_path / "raw", depths)
    with pytest.raises(BadPairsError) as caught:
        prepare_pairs(tmp_path / "raw", tmp_path / "out", volume_config(*slices), num_workers=1)
    offences = [item for item in caught.value.report.offences if item.kind == "slices_differ"]
    assert [item.pair_ids for item in offences] == [
        (f"{split}/patient{number}",)
        for split, number in (("test", 4), ("train", 1), ("train", 2), ("train", 3))
    ]
    assert all(message in item.message for item in offences)
    assert not (tmp_path / "out").exists()


def test_a_volume_without_the_setting_or_truncated_is_a_bad_pair(tmp_path: Path) -> None:
    write_volumes(tmp_path)
    report = check_pairs(tmp_path, volume_config(None, None), num_workers=1)
    assert {item.kind for item in report.offences} == {"unreadable", "too_few_pairs"}
    assert "set slices of the side, as in slices: z" in report.offences[0].message

    path = tmp_path / "A/train/patient2.nii.gz"
    path.write_bytes(path.read_bytes()[:-900])
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert [(item.kind, item.paths) for item in report.offences] == [
        ("unreadable", ("A/train/patient2.nii.gz",))
    ] * 4
    path.write_bytes(path.read_bytes()[:60])
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert [(item.kind, item.pair_ids) for item in report.offences] == [
        ("unreadable", ("train/patient2",))
    ]


def test_an_empty_mask_of_a_volume_and_a_link_to_one_are_sound(tmp_path: Path) -> None:
    write_volumes(tmp_path)
    path = tmp_path / "B/train/patient2.nii"
    ids = RNG.integers(0, 5, (SIZE, SIZE, 4)).astype(np.uint8)
    ids[:, :, 2] = 0
    (tmp_path / "elsewhere.nii").write_bytes(nifti(ids))
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.nii")
    report = check_pairs(tmp_path, volume_config(), num_workers=1)
    assert report.offences == ()
    assert "1 pair has a label map or mask of a single value: train/patient2#z002" in report.notes
