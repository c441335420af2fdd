"""The other real targets, of which `real_vs_real` is the distance to the targets of the test."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.data.reference import reference_positions, reference_targets
from pix2pix.images.resize import resize
from pix2pix.preparation.pairs import find_pairs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.preparation.read_pairs import read_pair
from tests.support.drawn_shapes import make_params
from tests.support.drawn_shapes import write_pairs as write_shapes
from tests.support.labelled_photos import make_config, write_pairs


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize(("direction", "kernel"), [("AtoB", "area"), ("BtoA", "nearest")])
def test_they_are_resized_from_their_files_as_the_targets_of_the_test_are(
    tmp_path: Path, direction: str, kernel: str, num_workers: int
) -> None:
    """Once and by the kernel of the side: two filters in a row would move the floor."""
    config = make_config(direction=direction)  # stored at 37 px and scored at 32
    root, prepared = write_pairs(tmp_path / "raw"), tmp_path / "prepared"
    manifest, _ = prepare_pairs(root, prepared, config, num_workers=num_workers)

    files = {pair.pair_id: pair for pair in find_pairs(root, config).pairs}
    positions = reference_positions(manifest)
    names = [manifest.splits["train"].pair_ids[position] for position in positions]
    sides = [read_pair(files[name], config) for name in names]
    wanted = [resize(pair.images[1].pixels, 32, 32, kernel=kernel) for pair in sides]
    found = np.concatenate(list(reference_targets(prepared, batch_size=2)))
    np.testing.assert_array_equal(found, np.stack(wanted), strict=True)


def test_they_are_distinct_and_as_many_as_there_are_test_images(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "raw")
    manifest, _ = prepare_pairs(root, tmp_path / "prepared", make_config())
    positions = reference_positions(manifest)
    assert len(set(positions)) == len(manifest.splits["test"].pair_ids) == 3
    assert positions == sorted(positions)
    (root / "train/5.png").rename(root / "test/5.png")
    (root / "train/4.png").rename(root / "test/4.png")
    few, _ = prepare_pairs(root, tmp_path / "few", make_config())
    num_train = len(few.splits["train"].pair_ids)
    assert num_train < len(few.splits["test"].pair_ids)
    assert reference_positions(few) == list(range(num_train))


@pytest.mark.parametrize("rule", [{"load_size": 32}, {"resize": "fit", "load_size": 40}])
def test_targets_that_are_stored_at_the_scale_of_the_test_are_not_stored_twice(
    tmp_path: Path, rule: dict[str, object]
) -> None:
    params = make_params(image_size=32, **rule)
    root, prepared = write_shapes(tmp_path / "raw", [(40, 60), (48, 48)] * 6), tmp_path / "prepared"
    prepare_pairs(root, prepared, params.data)
    assert not (prepared / "reference").exists()
    train = open_split(prepared, "train")
    targets = [image for batch in reference_targets(prepared, batch_size=2) for image in batch]
    for position, target in zip(reference_positions(load_manifest(prepared)), targets, strict=True):
        np.testing.assert_array_equal(target, train.target[position], strict=True)


def test_data_that_were_prepared_without_them_are_refused_with_the_command(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared"
    prepare_pairs(write_pairs(tmp_path / "raw"), prepared, make_config())
    (prepared / "reference/target.npy").unlink()
    with pytest.raises(ValueError, match=r"reference/target\.npy is missing; run `dvc repro prep"):
        next(reference_targets(prepared, batch_size=2))
