"""TIFF files whose compression can lose information."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.images.decode import decode_file
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.report import format_report
from tests.support.file_pairs import NUM_PAIRS, SIZE, blocks, write
from tests.support.scientific_files import npy, tiff
from tests.support.small_sets import make_config, make_side

COLOURS = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
LOSSY = {
    "JPEG": "JPEG",
    "JPEG_LOSSY": "JPEG",
    "JPEG2000": "JPEG 2000",
    "JPEG_2000_LOSSY": "JPEG 2000",
    "APERIO_JP2000_RGB": "JPEG 2000",
    "APERIO_JP2000_YCBC": "JPEG 2000",
    "JPEGXR": "JPEG XR",
    "JPEGXR_NDPI": "JPEG XR",
    "JPEGXL": "JPEG XL",
    "JPEGXL_DNG": "JPEG XL",
    "WEBP": "WEBP",
    "WEBP_DEPRECATED": "WEBP",
    "LERC": "LERC",
}


@pytest.mark.parametrize("name", LOSSY)
def test_codecs_that_can_lose_information_are_told(name: str) -> None:
    facts = decode_file(tiff(COLOURS, photometric="rgb", compression=name)).facts
    assert facts.is_lossy
    assert facts.lossy_kind == f"a TIFF file compressed as {LOSSY[name]}, which can lose details"


@pytest.mark.parametrize("name", [None, "LZW", "DEFLATE", "PACKBITS", "LZMA", "ZSTD", "PNG"])
def test_codecs_without_loss_are_told(name: str | None) -> None:
    decoded = decode_file(tiff(COLOURS, photometric="rgb", compression=name))
    assert not decoded.facts.is_lossy
    np.testing.assert_array_equal(decoded.pixels, COLOURS)


@pytest.mark.parametrize("name", ["LERC", "JPEG2000"])
def test_class_ids_in_them_are_refused_and_label_colours_noted(tmp_path: Path, name: str) -> None:
    for index in range(NUM_PAIRS):
        ids = np.random.default_rng(index).integers(0, 5, (SIZE, SIZE)).astype(np.uint8)
        write(tmp_path / f"A/{index}.tif", tiff(ids, compression=name))
        write(tmp_path / f"B/{index}.npy", npy(blocks(index, 1, 0, 255).astype(np.uint8)))
    labels = make_side(kind="labels", channels=1, num_labels=5)
    sides = make_config(side_a=labels, side_b=make_side(channels=1))
    report = check_pairs(tmp_path, sides, num_workers=1)
    lossy = [item for item in report.offences if item.kind == "lossy_labels"]
    kind = f"a TIFF file compressed as {LOSSY[name]}, which can lose details"
    assert [item.message for item in lossy] == [f"side A holds class ids in {kind}"] * NUM_PAIRS
    assert "export them without loss, as PNG, or as TIFF with DEFLATE" in format_report(report)

    masks = make_side(kind="labels", channels=1, value_range=(0.0, 4.0))
    report = check_pairs(
        tmp_path, make_config(side_a=masks, side_b=make_side(channels=1)), num_workers=1
    )
    assert any(kind in note and f"{NUM_PAIRS} label files" in note for note in report.notes)
