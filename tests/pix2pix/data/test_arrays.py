"""Arrays are written completely, whatever the disk does meanwhile."""

import errno
import os
import pickle
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data import arrays
from pix2pix.data.arrays import ArrayFiles, EarlyFlushes, Layout, create_arrays, open_array
from pix2pix.data.flat_images import FlatImages, FlatLayout
from pix2pix.errors import UserError

LAYOUT = Layout((7, 3, 2), "uint8")
ROWS = np.arange(42, dtype=np.uint8).reshape(LAYOUT.shape)


def write(folder: Path, order: Iterable[int] = range(7)) -> None:
    files = [(folder / "a.npy", LAYOUT), (folder / "b.npy", LAYOUT)]
    create_arrays(files)
    with ArrayFiles(files) as arrays, EarlyFlushes(path for path, _ in files) as flushes:
        for row in order:
            flushes.count(arrays.write_row(row, (ROWS[row], ROWS[row])))


@pytest.mark.parametrize("flushed_bytes", [1, 13, 2**27])
@pytest.mark.parametrize("order", [range(7), [3, 6, 0, 1, 5, 2, 4]])
def test_the_files_are_the_same_however_often_they_are_flushed_and_in_any_order_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flushed_bytes: int, order: Iterable[int]
) -> None:
    monkeypatch.setattr(arrays, "_FLUSHED_BYTES", flushed_bytes)
    write(tmp_path, order)
    np.save(tmp_path / "expected.npy", ROWS)
    for name in ("a.npy", "b.npy"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "expected.npy").read_bytes()
        assert np.array_equal(open_array(tmp_path / name, LAYOUT), ROWS)


def test_images_of_unlike_sizes_are_found_again_in_any_order_of_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = np.array([[2, 3], [5, 1], [1, 1], [4, 4]])
    images = [rng.random((*shape, 3)).astype(np.float32) for shape in shapes]
    layout, path = FlatLayout(shapes, 3, "float32"), tmp_path / "flat.npy"
    create_arrays([(path, layout)])
    with ArrayFiles([(path, layout)]) as arrays:
        copy = pickle.loads(pickle.dumps(arrays))  # as another process has it
        written = [
            writer.write_row(row, (images[row],))
            for writer, row in ((arrays, 2), (copy, 3), (arrays, 0), (copy, 1))
        ]
    assert sum(written) == layout.num_bytes
    np.save(tmp_path / "expected.npy", np.concatenate([image.ravel() for image in images]))
    assert path.read_bytes() == (tmp_path / "expected.npy").read_bytes()
    found = FlatImages(open_array(path, Layout(layout.shape, "float32")), layout)
    assert all(np.array_equal(found[row], image) for row, image in enumerate(images))


@pytest.mark.parametrize(
    ("values", "said"),
    [(ROWS[0, :2], r"row 3 is \(2, 2\) uint8"), (ROWS[0] / 2, r"row 3 is \(3, 2\) float64")],
)
def test_a_row_that_does_not_fit_is_refused(tmp_path: Path, values: np.ndarray, said: str) -> None:
    files = [(tmp_path / "a.npy", LAYOUT)]
    create_arrays(files)
    with ArrayFiles(files) as arrays, pytest.raises(UserError, match=said):
        arrays.write_row(3, (values,))


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
