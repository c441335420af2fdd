from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pix2pix.errors import StorageError, UserError
from pix2pix.tiled.spill import SpillFile, check_room


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


def test_a_disk_with_room_for_less_than_a_gib_is_told_in_mib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=20 * 2**20))
    with pytest.raises(UserError, match=f"needs 40 MiB of .* {tmp_path} has room for 20 MiB"):
        check_room(tmp_path, 40 * 2**20)
