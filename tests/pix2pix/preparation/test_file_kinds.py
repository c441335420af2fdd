"""Each kind of file from the folder to the arrays that training reads, value for value."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.manifest import load_manifest
from pix2pix.preparation.checks import check_pairs
from tests.support.file_pairs import NUM_PAIRS, blocks, config, prepared, write
from tests.support.scientific_files import dicom, exr, nifti, npy, npz, tiff

GEO = [(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0.0,) * 6, True)]

Writer = Callable[[np.ndarray], bytes]


# For each kind: the suffix, a writer of (H, W, C), the side's settings, and the dtype of the files.
KINDS: dict[str, tuple[str, Writer, dict[str, object], str]] = {
    "int16 array": (".npy", lambda image: npy(image.astype("i2")), {}, "int16"),
    "uint32 array": (".npy", lambda image: npy((image + 1000).astype("u4")), {}, "uint32"),
    "float64 array": (".npy", npy, {}, "float64"),
    "CHW array": (
        ".npy",
        lambda image: npy(image.transpose(2, 0, 1).astype("f2")),
        {"axes": "CHW"},
        "float16",
    ),
    "npz": (
        ".npz",
        lambda image: npz(ct=image.astype("i2"), other=np.zeros(3)),
        {"array_key": "ct"},
        "int16",
    ),
    "int32 tiff": (".tif", lambda image: tiff(image[..., 0].astype("i4")), {}, "int32"),
    "geotiff": (
        ".tiff",
        lambda image: tiff(image[..., 0].astype("i2"), extratags=GEO),
        {},
        "int16",
    ),
    "exr": (
        ".exr",
        lambda image: exr({name: image[..., 0].astype("f4") for name in "RGB"}),
        {"channels": 3},
        "float32",
    ),
    "ct": (
        ".dcm",
        lambda image: dicom(
            (image[..., 0] + 1000).astype("u2"), RescaleSlope=1, RescaleIntercept=-1000
        ),
        {},
        "float64",
    ),
    "signed dicom": (".DCM", lambda image: dicom(image[..., 0].astype("i2")), {}, "int16"),
    "one slice": (".nii.gz", lambda image: nifti(image.astype("i2"), packed=True), {}, "int16"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_prepared_value_for_value(tmp_path: Path, kind: str) -> None:
    suffix, encode, settings, file_dtype = KINDS[kind]
    shift = 1000 if kind == "uint32 array" else 0
    expected = {}
    for index in range(NUM_PAIRS):
        images = [blocks(2 * index + role, 1, -900, 1500) for role in (0, 1)]
        for name, image in zip("AB", images, strict=True):
            write(tmp_path / f"raw/{name}/{index}{suffix}", encode(image))
        if kind == "one slice":
            images = [image.swapaxes(0, 1) for image in images]
        channels = settings.get("channels", 1)
        expected[str(index)] = [np.repeat(image + shift, channels, axis=2) for image in images]
    side = {"channels": 1, "value_range": (-900.0 + shift, 1500.0 + shift)} | settings

    images_of = prepared(tmp_path / "raw", config(**side))

    assert images_of.keys() == expected.keys()
    for pair_id, (source, target) in images_of.items():
        assert (source.dtype, target.dtype) == (np.float32, np.float32)
        np.testing.assert_array_equal(source, expected[pair_id][0])
        np.testing.assert_array_equal(target, expected[pair_id][1])
    record = load_manifest(tmp_path / "prepared").target
    written = file_dtype if np.dtype(file_dtype).kind in "iu" else None
    assert (record.dtype, record.file_dtype) == ("float32", written)
    assert (record.array_key, record.axes) == (
        settings.get("array_key"),
        settings.get("axes", "HWC"),
    )


def test_other_integers_need_a_range_and_the_report_names_their_dtype(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        for name in "AB":
            image = blocks(2 * index + (name == "B"), 1, -900, 1500)
            write(tmp_path / f"{name}/{index}.npy", npy(image.astype(np.int16)))
    report = check_pairs(tmp_path, config(channels=1), num_workers=1)
    messages = [str(item) for item in report.offences if item.kind == "no_value_range"]
    assert messages == [
        f"data.side_{name}: int16 images have no natural range; set value_range: [low, high] for "
        "this side"
        for name in "ab"
    ]
    assert [line.partition(",")[0] for line in report.sides] == ["side A: int16", "side B: int16"]


def test_channels_beside_the_colours_of_a_picture_are_named(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        for name in "AB":
            image = blocks(2 * index + (name == "B"), 4, 0, 1500).astype(np.float32)
            names = "RGBZ" if name == "B" else "RGB"
            channels = {each: image[..., place] for place, each in enumerate(names)}
            write(tmp_path / f"{name}/{index}.exr", exr(channels))
    side = {"channels": 3, "value_range": (0.0, 1500.0)}
    report = check_pairs(tmp_path, config(**side), num_workers=1)
    assert report.offences == ()
    (note,) = (note for note in report.notes if "OpenEXR" in note)
    assert note.startswith("side B: the colours of 6 OpenEXR files are taken; set array_key")
    assert "to read one of the others (Z): 0, 1" in note
