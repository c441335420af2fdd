import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pix2pix.config import load_params
from pix2pix.data.augment import Augmentation, augment_seed
from pix2pix.data.contact_sheet import augmentation_sheet
from pix2pix.data.manifest import SideRecord
from pix2pix.data.prepared import PreparedSplit

SIDE = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")


@pytest.mark.slow
def test_each_row_shows_a_pair_as_stored_and_as_training_sees_it() -> None:
    params = load_params(Path("params/default.yaml"))
    data = dataclasses.replace(params.data, load_size=68, image_size=64)
    augmentation = Augmentation(params.augment, data, source=SIDE, target=SIDE)
    stored = np.random.default_rng(0).integers(0, 256, (2, 3, 68, 68, 3), dtype=np.uint8)
    pairs = PreparedSplit(source=stored[0], target=stored[1], pair_ids=("a", "b", "c"))

    sheet = augmentation_sheet(pairs, augmentation, seed=9, num_pairs=2, num_epochs=3)

    # Tiles of 68 + 2 + 68 rows, 4 px apart, below a strip with the headings.
    strip = sheet.shape[0] - 2 * (138 + 4)
    assert sheet.shape[1] == 4 * 68 + 3 * 4
    assert 8 < strip < 40
    second_row = sheet[strip + 4 + 138 + 4 :]
    np.testing.assert_array_equal(second_row[:68, :68], stored[0, 1])
    np.testing.assert_array_equal(second_row[70:, :68], stored[1, 1])
    source, target = augmentation(stored[0, 1], stored[1, 1], seed=augment_seed(9, 2, "b"))
    last = second_row[4:-4, -66:-2]
    np.testing.assert_array_equal(last[:64], source)
    np.testing.assert_array_equal(last[66:], target)


def test_a_small_split_gives_a_small_sheet() -> None:
    params = load_params(Path("params/default.yaml"))
    data = dataclasses.replace(params.data, load_size=64, image_size=64)
    augmentation = Augmentation(params.augment, data, source=SIDE, target=SIDE)
    images = np.zeros((1, 64, 64, 3), np.uint8)
    pairs = PreparedSplit(source=images, target=images, pair_ids=("a",))
    sheet = augmentation_sheet(pairs, augmentation, seed=0, num_epochs=1)
    assert sheet.shape[1] == 2 * 64 + 4
    assert sheet.shape[0] < 130 + 40
