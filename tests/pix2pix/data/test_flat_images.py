"""Prepared images of unlike sizes: what is stored, found and refused."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.padding import reflected
from pix2pix.data.prepared import open_split
from pix2pix.images.resize import resize
from pix2pix.preparation.pairs import find_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.read_pairs import read_pair
from tests.support.drawn_shapes import make_params, write_pairs
from tests.support.folders import file_hashes

SIZES = [(40, 60), (96, 48), (64, 180), (33, 32), (50, 50), (200, 37)] * 2
FIT = {"resize": "fit", "image_size": 32, "load_size": 36}
NONE = {"resize": "none", "image_size": 32, "load_size": None}


@pytest.mark.parametrize("rule", [FIT, NONE], ids=["fit", "none"])
def test_each_pair_is_stored_at_its_own_size_bit_for_bit(
    tmp_path: Path, rule: dict[str, object]
) -> None:
    root, config = write_pairs(tmp_path / "raw", SIZES), make_params(**rule).data
    prepare_pairs(root, tmp_path / "prepared", config, num_workers=2)

    files = {pair.pair_id: pair for pair in find_pairs(root, config).pairs}
    for split in ("train", "dev", "test"):
        prepared = open_split(tmp_path / "prepared", split)
        assert len(prepared.source) == len(prepared) > 0
        for row, pair_id in enumerate(prepared.pair_ids):
            for (image, _), stored in zip(
                read_pair(files[pair_id], config).images,
                (prepared.source, prepared.target),
                strict=True,
            ):
                size = config.scale(split).size_of(*image.shape[:2])
                assert rule is FIT or size == image.shape[:2]
                expected = resize(image, *size, kernel="area")
                np.testing.assert_array_equal(stored[row], expected, strict=True)
        with pytest.raises(IndexError):
            prepared.source[len(prepared)]


def test_few_large_images_go_together(tmp_path: Path) -> None:
    """A batch holds at most 8 * 256**2 px, so that one large image needs no more than itself."""
    sizes = [(512, 512)] * 6 + [(1024, 600)] * 6
    root = write_pairs(tmp_path / "raw", sizes)
    prepare_pairs(root, tmp_path / "prepared", make_params(**NONE).data)
    train = open_split(tmp_path / "prepared", "train")
    groups = list(train.groups(range(len(train)), 8))
    assert [position for group in groups for position in group] == list(range(len(train)))
    for group in groups:
        height, width, _ = train.source[group[0]].shape
        assert len(group) <= (2 if height == width == 512 else 1)
    assert max(map(len, groups)) == 2


def test_the_values_are_mapped_read_only(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw", SIZES)
    prepare_pairs(root, tmp_path / "prepared", make_params(**NONE).data)
    images = open_split(tmp_path / "prepared", "train").source

    with pytest.raises(ValueError, match="read-only"):
        images[0][0] = 0


def test_rules_and_their_sizes_are_part_of_the_data_hash(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw", SIZES)
    hashes = {
        prepare_pairs(root, tmp_path / "prepared", make_params(**rule).data).manifest.data_hash
        for rule in (FIT, FIT | {"load_size": 37}, NONE, FIT | {"resize": "stretch"})
    }
    assert len(hashes) == 4


def test_damaged_arrays_are_named(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw", SIZES)
    prepare_pairs(root, tmp_path / "prepared", make_params(**FIT).data)
    shapes = tmp_path / "prepared/test/shapes.npy"
    whole = np.load(shapes)

    np.save(shapes, whole[::-1] + np.array([1, 0]))
    with pytest.raises(ValueError, match=r"source\.npy holds .* its manifest says .*-f -s prep"):
        open_split(tmp_path / "prepared", "test")
    np.save(shapes, whole[1:])
    with pytest.raises(ValueError, match=r"shapes\.npy holds"):
        open_split(tmp_path / "prepared", "test")
    shapes.unlink()
    with pytest.raises(ValueError, match=r"shapes\.npy is missing; run `dvc"):
        open_split(tmp_path / "prepared", "test")


def test_small_images_are_reflected_and_named_in_the_report(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw", [(64, 64), (20, 90), (64, 64), (64, 64), (64, 31)] * 2)
    config = make_params(resize="none", image_size=[32, 64], load_size=None).data
    _, report = prepare_pairs(root, tmp_path / "prepared", config)
    assert report.offences == ()
    padded = [note for note in report.notes if "padded" in note]
    assert padded == [
        "4 training pairs are smaller than data.image_size ([32, 64]) and will be padded by "
        "reflection: train/01, train/04, train/06, train/09"
    ]
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    rows, columns = [0, 1, 2, 1, 0, 1, 2], [0, 1, 2, 3, 2, 1, 0, 1]
    np.testing.assert_array_equal(reflected(image, 7, 8), image[rows][:, columns])
    assert reflected(image, 3, 2) is image


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            NONE | {"image_size": 256},
            r"no image has room for crops of data.image_size \(256\): the nearest has 180x64 px",
        ),
        (
            FIT | {"image_size": [32, 512]},
            r"\(\[32, 512\]\): the nearest has 101x36 px at data.load_size 36",
        ),
        (
            FIT | {"image_size": 64, "load_size": 64},
            r"33x32|32x33 px, smaller than data.image_size",
        ),
    ],
)
def test_crops_that_no_image_has_room_for_stop_before_anything_is_written(
    tmp_path: Path, rule: dict[str, object], message: str
) -> None:
    root = write_pairs(tmp_path / "raw", SIZES)
    before = file_hashes(tmp_path)
    with pytest.raises(ValueError, match=message):
        prepare_pairs(root, tmp_path / "prepared", make_params(**rule).data)
    assert file_hashes(tmp_path) == before


def test_images_without_a_score_are_too_small(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw", [*SIZES, (10, 90)])
    with pytest.raises(
        ValueError, match="90x10 px, and no score exists of less than 11 px"
    ) as caught:
        prepare_pairs(root, tmp_path / "prepared", make_params(**NONE).data)
    assert "pairs of less than 11 px cannot be scored: remove them" in str(caught.value)
