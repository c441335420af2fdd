"""Pairs whose two images have unlike sizes: super-resolution, one pixel off, and any sizes."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pix2pix.config import DataConfig, Scale
from pix2pix.config.yaml_file import read_yaml
from pix2pix.data.prepared import open_split
from pix2pix.images.resize import resize
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.pairs import find_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.read_pairs import read_pair
from tests.support.drawn_shapes import PARAMS, make_params, write_pairs

SIZES = [(40, 60), (48, 34), (64, 40)] * 4


def make_config(scale: float | None, **data: Any) -> DataConfig:
    side = read_yaml(PARAMS)["data"]["side_b"] | {"scale": scale}
    defaults = {"image_size": 32, "load_size": 36, "resize_kernel": "bicubic"}
    return make_params(**defaults | data, side_b=side).data


@pytest.mark.parametrize(
    "rule",
    [{"resize": "none", "load_size": None}, {"resize": "fit"}, {"resize": "stretch"}],
    ids=lambda rule: rule["resize"],
)
@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_sources_are_brought_to_the_size_of_their_targets_by_one_resampling(
    tmp_path: Path, rule: dict[str, Any], direction: str
) -> None:
    root = write_pairs(tmp_path / "raw", SIZES, scale=2)
    config = make_config(2, **rule, direction=direction)
    _, report = prepare_pairs(root, tmp_path / "prepared", config)

    assert report.offences == ()
    assert [note for note in report.notes if "12 sources are resized" in note]
    files = {pair.pair_id: pair for pair in find_pairs(root, config).pairs}
    train = open_split(tmp_path / "prepared", "train")
    for row, pair_id in enumerate(train.pair_ids):
        (source, _), (target, _) = read_pair(files[pair_id], config).images
        size = config.scale("train").size_of(*target.shape[:2])
        for image, stored in ((source, train.source[row]), (target, train.target[row])):
            expected = resize(image, *size, kernel="bicubic")
            np.testing.assert_array_equal(stored, expected, strict=True)


@pytest.mark.parametrize(
    ("rule", "size"), [("none", None), ("fit", 36), ("stretch", 32), ("stretch", (32, 64))]
)
def test_a_translated_source_gets_the_size_that_it_was_trained_at(rule: Any, size: Any) -> None:
    """That is the size of its target, known by the scale alone."""
    for target_scale, source, target in ((2.0, (20, 31), (40, 62)), (0.5, (40, 62), (20, 31))):
        scale = Scale(rule, size, target_scale)
        assert scale.target_size(*source) == target
        assert scale.size_of(*source) == Scale(rule, size).size_of(*target)


def test_one_pixel_more_is_cut_off_and_noted_once(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw", [(40, 60), (48, 48)] * 12)
    for path in sorted(root.rglob("A/*.png")):
        image = cv2.imread(str(path))
        cv2.imwrite(str(path), np.pad(image, ((0, 1), (0, 0), (0, 0)), mode="edge"))
    config = make_config(1, resize="none", load_size=None)

    _, report = prepare_pairs(root, tmp_path / "prepared", config)

    assert report.offences == ()
    assert [note for note in report.notes if "one pixel" in note] == [
        "A and B differ by one pixel in 24 pairs, which is cut off from the larger one: dev/05, "
        "dev/11, dev/17, dev/23, test/02, ..."
    ]
    for split in ("train", "dev", "test"):
        prepared = open_split(tmp_path / "prepared", split)
        assert {prepared.source[row].shape for row in range(len(prepared))} <= {
            (40, 60, 3),
            (48, 48, 3),
        }
        for row in range(len(prepared)):
            np.testing.assert_array_equal(prepared.source[row], 255 - prepared.target[row])


def test_a_pixel_beside_a_scale_is_noted(tmp_path: Path) -> None:
    """Nothing is cut off there: half a pixel of the smaller side cannot be."""
    root = write_pairs(tmp_path / "raw", SIZES, scale=2)
    for path in sorted(root.rglob("B/*.png"))[:2]:
        image = cv2.imread(str(path))
        cv2.imwrite(str(path), np.pad(image, ((0, 0), (0, 1), (0, 0)), mode="edge"))
    report = check_pairs(root, make_config(2, resize="fit"))
    assert report.offences == ()
    (note,) = (note for note in report.notes if "about a pixel" in note)
    assert note.startswith("the sizes of 2 pairs differ by about a pixel from what scale")
    assert note.endswith(": dev/05, dev/11")


def test_sizes_that_the_scale_does_not_allow_are_named_with_the_remedy(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw", SIZES, scale=2)
    report = check_pairs(root, make_config(1))
    assert {offence.kind for offence in report.offences} == {"size_mismatch", "too_few_pairs"}
    first = next(each for each in report.offences if each.kind == "size_mismatch")
    assert first.message == "A is 40x64 px, B is 80x128 px"
    report = check_pairs(root, make_config(3))
    messages = [each.message for each in report.offences if each.kind == "size_mismatch"]
    assert len(messages) == 12
    assert all(text.endswith("where the target should be 3 times as large") for text in messages)


def test_any_sizes_go_together_on_request(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw", SIZES)
    for index, path in enumerate(sorted(root.rglob("B/*.png"))):
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (70 + index, 90 - index)))
    manifest, report = prepare_pairs(root, tmp_path / "prepared", make_config(None, resize="fit"))
    assert report.offences == ()
    assert manifest.target_scale is None
    train = open_split(tmp_path / "prepared", "train")
    assert all(train.source[row].shape == train.target[row].shape for row in range(len(train)))
