from pathlib import Path

import numpy as np
import pytest

from pix2pix.errors import StorageError
from pix2pix.tiled.spill import SpillFile


def test_rows_lie_where_they_were_written(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (6, 10), dtype=np.uint8)
    with SpillFile(tmp_path) as file:
        file.write(values[:, 4:].copy(), offset=4, stride=10)
        file.write(values[:, :4].copy(), offset=0, stride=10)
        whole, part = np.empty((6, 10), np.uint8), np.empty((2, 3), np.uint8)
        file.read(whole, offset=0, stride=10)
        file.read(part, offset=3 * 10 + 5, stride=10)
    np.testing.assert_array_equal(whole, values)
    np.testing.assert_array_equal(part, values[3:5, 5:8])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"{tmp_path}/none cannot be written"):
        SpillFile(tmp_path / "none")
