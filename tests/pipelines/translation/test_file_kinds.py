"""Files of each kind are translated, and what is written for them."""

import io
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile

from pipelines.translation.translated_files import translate_files
from pipelines.translation.translation_plan import planned, without_existing
from pipelines.translation.volume_results import volume_files, write_volumes
from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.images.decode import decode
from tests.support.scientific_files import dicom, exr, nifti, npy, npz, tiff
from tests.support.translated_scans import GEO, RANGES, SCAN, SCANS, make_translator, translated


def changed(**changes: object) -> SideRecord:
    return replace(SCANS, **changes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "data", "source"),
    [
        ("x.npy", npy(SCAN), SCANS),
        ("x.npy", npy(SCAN[None]), changed(axes="CHW")),
        ("x.npz", npz(ct=SCAN, mask=SCAN), changed(array_key="ct")),
        ("x.tif", tiff(SCAN.astype(np.int32)), SCANS),
        ("x.exr", exr({"Y": SCAN.astype(np.float32)}), SCANS),
        (
            "x.dcm",
            dicom((SCAN + 1000).astype(np.uint16), RescaleSlope=1, RescaleIntercept=-1000),
            SCANS,
        ),
        ("x.nii.gz", nifti(SCAN.T, packed=True), SCANS),
    ],
    ids=["npy", "npy of CHW", "npz", "tif", "exr", "dcm", "nii.gz"],
)
def test_each_kind_gives_integers_of_the_target_in_a_tiff(
    tmp_path: Path, name: str, data: bytes, source: SideRecord
) -> None:
    translator = make_translator(tmp_path, source)

    written, failures = translated(tmp_path, translator, name, data)

    assert failures == {}
    expected = translator.translate(SCAN[..., None].astype(np.float32))
    assert list(written) == ["x.tif"]
    with tifffile.TiffFile(io.BytesIO(written["x.tif"])) as file:
        values = file.asarray()
    assert values.dtype == np.int16
    np.testing.assert_array_equal(values, np.rint(expected[..., 0]))
    assert len(np.unique(values)) > 20


def test_float_targets_stay_floats(tmp_path: Path) -> None:
    translator = make_translator(tmp_path, SCANS, changed(file_dtype=None))
    written, _ = translated(tmp_path, translator, "x.npy", npy(SCAN))
    expected = translator.translate(SCAN[..., None].astype(np.float32))
    np.testing.assert_array_equal(decode(written["x.tif"]), expected)


def test_a_geotiff_keeps_its_georeference_in_a_tiff(tmp_path: Path) -> None:
    photo = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")
    translator = make_translator(tmp_path, SCANS, photo)
    data = tiff(SCAN, extratags=GEO)

    written, failures = translated(tmp_path, translator, "dem.tif", data)

    assert failures == {}
    assert list(written) == ["dem.tif"]
    with tifffile.TiffFile(io.BytesIO(written["dem.tif"])) as file:
        tags = file.pages.first.tags
        assert [(code, tags[code].value) for code, *_ in GEO] == [
            (code, value) for code, _, _, value, _ in GEO
        ]
    expected = translator.translate(SCAN[..., None].astype(np.float32))
    np.testing.assert_array_equal(decode(written["dem.tif"]), expected)
    (tmp_path / "in/dem.tif").unlink()
    (tmp_path / "out/dem.tif").unlink()
    assert list(translated(tmp_path, translator, "plain.tif", tiff(SCAN))[0]) == ["plain.png"]


def test_each_slice_of_a_volume_is_written_to_a_file(tmp_path: Path) -> None:
    volume = RANGES.integers(-1000, 3000, (51, 40, 5)).astype(np.int16)
    translator = make_translator(tmp_path, changed(slices="z[1:4]"))

    written, failures = translated(tmp_path, translator, "p.1.nii.gz", nifti(volume, packed=True))

    assert failures == {}
    assert list(written) == ["p.1#z001.tif", "p.1#z002.tif", "p.1#z003.tif"]
    for index in (1, 2, 3):
        expected = translator.translate(volume[:, :, index].T[..., None].astype(np.float32))
        read = decode(written[f"p.1#z{index:03d}.tif"])
        np.testing.assert_array_equal(read, np.rint(expected))


def test_a_damaged_volume_fails_alone_and_nothing_is_written(tmp_path: Path) -> None:
    translator = make_translator(tmp_path, changed(slices="z"))
    volume = RANGES.integers(-1000, 3000, (40, 40, 2)).astype(np.int16)
    whole = nifti(volume, packed=True)
    translated(tmp_path, translator, "a.nii.gz", whole)
    for name, data in (("b.nii.gz", whole[:60]), ("c.nii.gz", whole[:-100])):
        written, failures = translated(tmp_path, translator, name, data)
        assert all("truncated" in reason for reason in failures.values())
        assert name in {source.path.name for source in failures}
        assert list(written) == ["a#z000.tif", "a#z001.tif"]


def test_the_slices_of_a_nifti_file_become_a_volume_with_its_affine(tmp_path: Path) -> None:
    """In the dtype of the target's files; a volume of which a slice fails is left out."""
    volume = RANGES.integers(-1000, 3000, (51, 40, 3)).astype(np.int16)
    affine = np.diag([-2.0, 2.0, 5.0, 1.0])
    translator = make_translator(tmp_path, changed(slices="z"))
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/p.1.nii.gz").write_bytes(nifti(volume, affine, packed=True))
    (tmp_path / "in/q.nii").write_bytes(nifti(volume, affine)[:-4000])
    (tmp_path / "in/r.tif").write_bytes(tiff(volume.T))
    plan = planned(tmp_path / "in", tmp_path / "out", source=translator.card.source, target=SCANS)
    failures = translate_files(translator, plan)

    written = write_volumes(plan, failures, target=SCANS)

    assert written == {tmp_path / "in/sub/p.1.nii.gz": tmp_path / "out/sub/p.1.nii.gz"}
    made = nibabel.load(tmp_path / "out/sub/p.1.nii.gz")
    np.testing.assert_array_equal(made.affine, affine)
    assert made.get_data_dtype() == np.int16
    for index in range(3):
        slice_file = tmp_path / f"out/sub/p.1#z{index:03d}.tif"
        turned = np.asarray(made.dataobj)[::-1, :, index].T  # x grows to the left in the file
        np.testing.assert_array_equal(turned, tifffile.imread(slice_file))


def test_a_volume_in_the_output_is_not_replaced_unasked(tmp_path: Path) -> None:
    """Its slices may be nowhere: it is the scan that the translation is to be compared with."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/p.nii.gz").write_bytes(nifti(np.zeros((5, 4, 3), np.int16), packed=True))
    plan = planned(tmp_path / "in", tmp_path / "out", source=changed(slices="z"), target=SCANS)
    volumes = volume_files(plan).values()
    assert list(volumes) == [tmp_path / "out/p.nii.gz"]
    assert without_existing(plan, existing="refuse", volumes=volumes) == plan
    (tmp_path / "out").mkdir()
    (tmp_path / "out/p.nii.gz").touch()
    with pytest.raises(UserError, match=r"1 result exists, such as .*out/p\.nii\.gz; name"):
        without_existing(plan, existing="refuse", volumes=volumes)
    assert without_existing(plan, existing="overwrite", volumes=volumes) == plan


def test_a_volume_of_a_model_for_single_images_is_to_be_cut_into_files(tmp_path: Path) -> None:
    translator = make_translator(tmp_path, SCANS)
    data = nifti(np.zeros((40, 40, 3), np.int16))
    written, failures = translated(tmp_path, translator, "x.nii", data)
    assert written == {}
    ((source, reason),) = failures.items()
    assert str(source).endswith("in/x.nii")
    assert reason == (
        "holds a volume of 40x40x3, and the model takes single images; store each slice in a file"
    )
