"""Scans in DICOM files, as images of pairs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.manifest import load_manifest
from pix2pix.images.masked import read_side
from pix2pix.preparation.checks import check_pairs
from tests.support.file_pairs import NUM_PAIRS, SIZE, blocks, config, prepared, write
from tests.support.scientific_files import dicom, npy
from tests.support.small_sets import make_config, make_side


def test_twelve_bits_in_sixteen_of_a_scanner_are_noted(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        for name in "AB":
            pixels = blocks(2 * index + (name == "B"), 1, 0, 4095)[..., 0].astype(np.uint16)
            data = dicom(pixels, BitsStored=12, HighBit=11)
            write(tmp_path / f"{name}/{index}.dcm", data)
    report = check_pairs(tmp_path, config(channels=1), num_workers=1)
    assert {item.kind for item in report.offences} == {"narrow_range"}
    assert "set value_range: [0, 4095]" in report.offences[0].message


def test_a_lossy_scan_of_class_ids_is_refused(tmp_path: Path) -> None:
    for index in range(NUM_PAIRS):
        ids = np.random.default_rng(index).integers(0, 5, (SIZE, SIZE)).astype(np.uint8)
        write(tmp_path / f"A/{index}.dcm", dicom(ids, LossyImageCompression="01"))
        write(tmp_path / f"B/{index}.npy", npy(blocks(index, 1, 0, 255).astype(np.uint8)))
    labels = replace(make_side(channels=1), kind="labels", num_labels=5)
    sides = make_config(side_a=labels, side_b=make_side(channels=1))
    report = check_pairs(tmp_path, sides, num_workers=1)
    lossy = [item for item in report.offences if item.kind == "lossy_labels"]
    assert len(lossy) == NUM_PAIRS
    assert lossy[0].message == "side A holds class ids in a lossy DICOM file"


def write_scans(root: Path, rescales: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """CT slices in Hounsfield units as DICOM files, one for each rescale; B are NPY files."""
    scans = {}
    for index, rescale in enumerate(rescales):
        slope = rescale.get("RescaleSlope", 1)
        stored = blocks(index, 1, 0, 3000 / slope)[..., 0]
        offset = rescale.get("RescaleIntercept", 0)
        scans[str(index)] = stored * slope + offset
        write(root / f"A/{index}.dcm", dicom(stored.astype(np.uint16), **rescale))
        write(root / f"B/{index}.npy", npy(blocks(index + 50, 1, 0, 255).astype(np.uint8)))
    return scans


CT_SIDE = {"channels": 1, "value_range": (-1024.0, 3000.0)}


IDENTITY = {"RescaleSlope": 1, "RescaleIntercept": 0}


@pytest.mark.parametrize("num_rescaled", [1, NUM_PAIRS - 1])
def test_scans_with_slope_1_and_intercept_0_fit_rescaled_ones(
    tmp_path: Path, num_rescaled: int
) -> None:
    rescaled = [{"RescaleSlope": 0.5, "RescaleIntercept": -1024}] * num_rescaled
    scans = write_scans(tmp_path / "raw", rescaled + [IDENTITY] * (NUM_PAIRS - num_rescaled))
    sides = make_config(
        side_a=make_side(**CT_SIDE), side_b=make_side(channels=1), image_size=SIZE, load_size=SIZE
    )

    images = prepared(tmp_path / "raw", sides)

    assert images.keys() == scans.keys()
    for pair_id, scan in scans.items():
        assert images[pair_id][0].dtype == np.float32
        np.testing.assert_array_equal(images[pair_id][0][..., 0], scan)
    record = load_manifest(tmp_path / "prepared").source
    read = read_side(tmp_path / f"raw/A/{NUM_PAIRS - 1}.dcm", record, dtype=record.dtype)
    np.testing.assert_array_equal(read.pixels[..., 0], scans[str(NUM_PAIRS - 1)])
    assert read.pixels.dtype == np.float32


@pytest.mark.parametrize(
    ("rescale", "dtype", "read"),
    [
        (IDENTITY, "float32", "float32"),
        (IDENTITY, "uint8", "uint16"),
        (IDENTITY, None, "uint16"),
        ({}, "float32", "uint16"),
    ],
)
def test_only_integers_that_state_their_units_are_read_as_floats(
    tmp_path: Path, rescale: dict[str, float], dtype: str | None, read: str
) -> None:
    """Others keep their dtype, by which a model refuses them."""
    stored = blocks(0, 1, 0, 3000).astype(np.uint16)
    write(tmp_path / "x.dcm", dicom(stored[..., 0], **rescale))
    pixels = read_side(tmp_path / "x.dcm", make_side(**CT_SIDE), dtype=dtype).pixels
    np.testing.assert_array_equal(pixels, stored.astype(read), strict=True)


def test_scans_without_a_rescale_do_not_fit_rescaled_ones(tmp_path: Path) -> None:
    """Their integers may be in other units."""
    write_scans(tmp_path, [{"RescaleSlope": 1, "RescaleIntercept": -1024}] * 5 + [{}])
    sides = make_config(side_a=make_side(**CT_SIDE), side_b=make_side(channels=1))
    report = check_pairs(tmp_path, sides, num_workers=1)
    assert [(item.kind, str(item)) for item in report.offences] == [
        (
            "mixed_dtype",
            "A/5.dcm: side A is uint16, most are float32; it states no rescale slope and "
            "intercept: "
            "add both, 1 and 0 if its values are in the units of the others",
        )
    ]
