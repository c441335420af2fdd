"""Arrays are written completely, whatever the disk does meanwhile."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data import arrays
from pix2pix.data.arrays import Layout, open_array, write_arrays

LAYOUT = Layout((7, 3, 2), "uint8")
ROWS = np.arange(42, dtype=np.uint8).reshape(LAYOUT.shape)


def write(folder: Path) -> None:
    write_arrays([(folder / "a.npy", LAYOUT), (folder / "b.npy", LAYOUT)], ((r, r) for r in ROWS))


@pytest.mark.parametrize("flushed_bytes", [1, 13, 2**27])
def test_the_files_are_the_same_however_often_they_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flushed_bytes: int
) -> None:
    monkeypatch.setattr(arrays, "_FLUSHED_BYTES", flushed_bytes)
    write(tmp_path)
    np.save(tmp_path / "expected.npy", ROWS)
    for name in ("a.npy", "b.npy"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "expected.npy").read_bytes()
        assert np.array_equal(open_array(tmp_path / name, LAYOUT), ROWS)


def test_a_full_disk_that_only_an_early_flush_reports_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux reports an error of the disk once: the flush at the end would find nothing wrong."""
    flushes: list[int] = []

    def full_once(descriptor: int) -> None:
        flushes.append(descriptor)
        if len(flushes) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_once)
    monkeypatch.setattr(arrays, "_FLUSHED_BYTES", 1)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path)
