"""The threads and the memory of a pass over the batches."""

import dataclasses
import random
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from benchmarks.workload import in_fresh_process
from pix2pix.data.augment import Augmentation
from pix2pix.data.batch import HostBatch, on_device
from pix2pix.data.loader import TrainBatches, run_length
from pix2pix.data.manifest import SideRecord
from pix2pix.data.prepared import PreparedSplit
from tests.support.random_pairs import CPU, PARAMS, contents, make_batches, make_pairs

_MIB = 2**20


@pytest.fixture
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few pairs at a time that an epoch of these tests uses all memory several times."""
    monkeypatch.setattr("pix2pix.data.loader._PAIRS_PER_RUN", 4)


@pytest.mark.parametrize(
    ("num_pairs", "num_bytes", "expected"),
    [(1, 100, 32), (3, 100, 10), (33, 100, 1), (1, _MIB, 8), (1, 3 * _MIB, 2), (4, 9 * _MIB, 1)],
)
def test_a_thread_fills_few_pairs_and_little_memory_at_once(
    num_pairs: int, num_bytes: int, expected: int
) -> None:
    assert run_length(num_pairs, num_bytes) == expected


def test_the_memory_of_a_batch_is_that_of_its_pixels() -> None:
    side = SideRecord("image", 3, "float32", (-1.0, 1.0), "area")
    data = dataclasses.replace(PARAMS.data, load_size=36, image_size=32)
    augmentation = Augmentation(PARAMS.augment, data, source=side, target=side)
    memory = HostBatch(5, augmentation, is_masked=True, device=CPU)
    assert memory.num_bytes == 5 * 32 * 32 * (3 * 4 + 3 * 4 + 1)


@pytest.mark.parametrize("num_threads", [1, 3])
def test_threads_change_no_pixel_and_end(num_threads, short_runs) -> None:
    pairs = make_pairs()
    here = make_batches(pairs)
    before = threading.active_count()
    with make_batches(pairs, loader_threads=num_threads) as there:
        next(there(0))  # abandoned: what was read ahead must not leak into the next pass
        for epoch, start_step in [(0, 0), (1, 2), (2, 0)]:
            expected = [contents(batch) for batch in here(epoch, start_step)]
            assert [contents(batch) for batch in there(epoch, start_step)] == expected
    assert threading.active_count() == before


def test_a_batch_keeps_its_pixels_while_later_ones_use_the_same_memory() -> None:
    """Also where the stored values need no conversion: floats in [-1, 1], and masks."""
    side = SideRecord("image", 3, "float32", (-1.0, 1.0), "area")
    rng = np.random.default_rng(0)
    images = rng.random((12, 36, 36, 3), dtype=np.float32)
    masks = rng.integers(0, 3, (12, 36, 36, 1), dtype=np.uint8)
    pairs = PreparedSplit(images, -images, tuple("abcdefghijkl"), masks)
    data = dataclasses.replace(PARAMS.data, load_size=36, image_size=32)
    augmentation = Augmentation(PARAMS.augment, data, source=side, target=side)
    batches = TrainBatches(pairs, augmentation, seed=0, batch_size=3, device=CPU)
    kept, copies = [], []
    for batch in batches(0):
        kept.append(batch)
        copies.append([batch.source.clone(), batch.target.clone(), batch.valid.clone()])
    for batch, copy in zip(kept, copies, strict=True):
        assert all(map(torch.equal, (batch.source, batch.target, batch.valid), copy))
    assert len(kept) == 4


@pytest.mark.parametrize("num_threads", [1, 3])
def test_memory_is_filled_again_only_after_its_batch_was_copied(
    num_threads, short_runs, monkeypatch
) -> None:
    """A slow copy to the device gives the threads the time to fill all memory that they may."""
    pairs = make_pairs(num_pairs=40)
    expected = [contents(batch) for batch in make_batches(pairs)(0)]

    def slow_copy(*args, **kwargs):
        time.sleep(0.03)
        return on_device(*args, **kwargs)

    monkeypatch.setattr("pix2pix.data.loader.on_device", slow_copy)
    with make_batches(pairs, loader_threads=num_threads) as batches:
        assert [contents(batch) for batch in batches(0)] == expected


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    pairs = make_pairs()
    wrong = PreparedSplit(pairs.source, pairs.target[..., :1], pairs.pair_ids)
    with make_batches(wrong, loader_threads=2) as batches, pytest.raises(AssertionError):
        next(batches(0))


def _own_bytes_after_each_epoch(folder: Path) -> list[int]:
    """Of a loader's process, without the files that it has mapped."""
    process, taken = psutil.Process(), []
    with make_batches(make_pairs(folder, num_pairs=64, size=200), loader_threads=2) as batches:
        for epoch in range(10):
            for _ in batches(epoch):
                pass
            memory = process.memory_info()
            taken.append(memory.rss - memory.shared)
    return taken


@pytest.mark.slow  # the process imports torch
def test_memory_does_not_grow_from_epoch_to_epoch(tmp_path) -> None:
    """In a process of its own: what other tests have left is freed at any time.

    Measured: 0.4 to 1.0 MB. If all batches are kept, it is 7.6 MB.
    """
    taken = in_fresh_process(_own_bytes_after_each_epoch, tmp_path)
    assert taken[9] - taken[2] < 4e6


def test_a_pass_leaves_global_random_states_alone() -> None:
    before = (random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state())
    list(make_batches(make_pairs())(0))
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tobytes() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_a_superseded_or_closed_pass_raises_instead_of_mixing_epochs() -> None:
    batches = make_batches(make_pairs())
    first = batches(0)
    next(first)
    second = batches(1)
    with pytest.raises(RuntimeError, match="later pass"):
        next(first)
    batches.close()
    batches.close()
    with pytest.raises(RuntimeError, match="closed"):
        next(second)
    with pytest.raises(RuntimeError, match="closed"):
        batches(2)
