import dataclasses
import random
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from pix2pix.config import load_params
from pix2pix.data.augment import augment_seed, make_augmentation
from pix2pix.data.batch import on_device
from pix2pix.data.loader import EvalBatches, TrainBatches
from pix2pix.data.manifest import SideRecord
from pix2pix.data.prepared import PreparedSplit
from pix2pix.data.ranges import to_network
from pix2pix.data.sampling import epoch_order

PARAMS = load_params(Path("params/default.yaml"))
CPU = torch.device("cpu")
SOURCE = SideRecord("image", 1, "uint16", (0.0, 4095.0), "area")
TARGET = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")


def make_pairs(folder=None, *, num_pairs=14, size=36):
    """Random uint16 | uint8 pairs, memory-mapped from `folder` if it is given."""
    generator = np.random.default_rng(0)
    source = generator.integers(0, 4096, (num_pairs, size, size, 1), dtype=np.uint16)
    target = generator.integers(0, 256, (num_pairs, size, size, 3), dtype=np.uint8)
    if folder is not None:
        np.save(folder / "source.npy", source)
        np.save(folder / "target.npy", target)
        source = np.load(folder / "source.npy", mmap_mode="r")
        target = np.load(folder / "target.npy", mmap_mode="r")
    ids = tuple(f"pair-{number}" for number in range(num_pairs))
    return PreparedSplit(source=source, target=target, pair_ids=ids)


def make_augmented():
    data = dataclasses.replace(PARAMS.data, load_size=36, image_size=32)
    augment = dataclasses.replace(PARAMS.augment, rotate_deg=10.0, noise=0.05)
    return make_augmentation(augment, data, source=SOURCE, target=TARGET)


def make_batches(pairs, **options):
    settings = {"seed": 3, "batch_size": 4, "device": CPU} | options
    return TrainBatches(pairs, make_augmented(), **settings)


def make_eval_batches(pairs, **options):
    settings = {"source": SOURCE, "target": TARGET, "batch_size": 4, "device": CPU} | options
    return EvalBatches(pairs, **settings)


def contents(batch):
    """pair_id -> the bytes of its source and target."""
    images = zip(batch.pair_ids, batch.source, batch.target, strict=True)
    return {name: (s.numpy().tobytes(), t.numpy().tobytes()) for name, s, t in images}


def test_the_order_is_a_permutation_that_only_seed_and_epoch_decide() -> None:
    orders = {(s, e): tuple(epoch_order(s, e, 50)) for s in range(3) for e in range(3)}
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    assert len(set(orders.values())) == 9
    # Recorded with numpy 2.4: with another order a resumed run would repeat and miss pairs.
    assert epoch_order(0, 0, 8).tolist() == [2, 4, 3, 6, 5, 0, 1, 7]


def test_a_step_reads_its_slice_of_the_order_and_drops_the_incomplete_batch() -> None:
    batches = make_batches(make_pairs())
    assert batches.num_batches == 3
    order = epoch_order(3, 5, 14)
    read = [batch.pair_ids for batch in batches(5)]
    expected = [order[0:4], order[4:8], order[8:12]]
    assert read == [tuple(f"pair-{position}" for position in part) for part in expected]


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_the_number_of_workers_changes_neither_pairs_nor_pixels(world_size) -> None:
    pairs = make_pairs()
    alone = [contents(batch) for batch in make_batches(pairs)(1)]
    shares = [
        [contents(batch) for batch in make_batches(pairs, rank=rank, world_size=world_size)(1)]
        for rank in range(world_size)
    ]
    sizes = [[len(share) for share in each] for each in shares]
    assert sizes == {2: [[2] * 3] * 2, 3: [[2] * 3, [1] * 3, [1] * 3], 4: [[1] * 3] * 4}[world_size]
    union = [
        {k: v for share in step for k, v in share.items()} for step in zip(*shares, strict=True)
    ]
    assert union == alone


def test_batches_are_the_augmented_pairs_in_network_range() -> None:
    pairs = make_pairs()
    augmentation = make_augmented()
    for batch in make_batches(pairs)(2):
        assert batch.source.shape == (4, 1, 32, 32)
        assert batch.target.shape == (4, 3, 32, 32)
        for number, name in enumerate(batch.pair_ids):
            position = pairs.pair_ids.index(name)
            source, target = augmentation(
                pairs.source[position], pairs.target[position], seed=augment_seed(3, 2, name)
            )
            expected = source.astype(np.float32).transpose(2, 0, 1) / 4095 * 2 - 1
            np.testing.assert_allclose(batch.source[number].numpy(), expected, atol=1e-6)
            expected = target.astype(np.float32).transpose(2, 0, 1) / 255 * 2 - 1
            np.testing.assert_allclose(batch.target[number].numpy(), expected, atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("loader_workers", [0, 1])
def test_batches_on_a_gpu_are_those_on_a_cpu(tmp_path, loader_workers) -> None:
    pairs = make_pairs(tmp_path)
    device = torch.device("cuda")
    with make_batches(pairs, device=device, loader_threads=loader_workers) as batches:
        for there, here in zip(batches(0), make_batches(pairs)(0), strict=True):
            assert there.source.is_cuda
            assert there.pair_ids == here.pair_ids
            torch.testing.assert_close(there.source.cpu(), here.source, atol=1e-6, rtol=0)
            torch.testing.assert_close(there.target.cpu(), here.target, atol=1e-6, rtol=0)


@pytest.mark.parametrize("start_step", [0, 1, 2, 3])
def test_an_epoch_entered_late_gives_exactly_the_remaining_batches(start_step) -> None:
    batches = make_batches(make_pairs())
    whole = [contents(batch) for batch in batches(4)]
    assert [contents(batch) for batch in batches(4, start_step)] == whole[start_step:]


@pytest.mark.parametrize("num_threads", [1, 3])
def test_threads_change_no_pixel_and_end(num_threads) -> None:
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
    augmentation = make_augmentation(PARAMS.augment, data, source=side, target=side)
    batches = TrainBatches(pairs, augmentation, seed=0, batch_size=3, device=CPU)
    kept, copies = [], []
    for batch in batches(0):
        kept.append(batch)
        copies.append([batch.source.clone(), batch.target.clone(), batch.valid.clone()])
    for batch, copy in zip(kept, copies, strict=True):
        assert all(map(torch.equal, (batch.source, batch.target, batch.valid), copy))
    assert len(kept) == 4


@pytest.mark.parametrize("num_threads", [1, 3])
def test_memory_is_filled_again_only_after_its_batch_was_copied(num_threads, monkeypatch) -> None:
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


def test_resident_memory_does_not_grow_from_epoch_to_epoch(tmp_path) -> None:
    pairs = make_pairs(tmp_path, num_pairs=64, size=200)
    process = psutil.Process()
    taken = []
    with make_batches(pairs, loader_threads=2) as batches:
        for epoch in range(10):
            for _ in batches(epoch):
                pass
            taken.append(process.memory_full_info().uss)
    # An epoch has 2.7 MB of results, of which none may be kept.
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


def test_impossible_settings_are_refused_with_a_remedy() -> None:
    pairs = make_pairs()
    with pytest.raises(ValueError, match=r"batch_size \(15\) exceeds the 14 .*lower batch_size"):
        make_batches(pairs, batch_size=15)
    with pytest.raises(
        ValueError, match=r"batch_size \(4\) leaves some of the 5 workers .*raise it"
    ):
        make_batches(pairs, world_size=5)
    with pytest.raises(ValueError, match=r"rank must be in 0\.\.1, got 2"):
        make_batches(pairs, world_size=2, rank=2)
    for start_step in (-1, 4):
        with pytest.raises(ValueError, match=rf"start_step must be in 0\.\.3 .* got {start_step}"):
            make_batches(pairs)(0, start_step)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_evaluation_reads_each_pair_once_in_order_and_unchanged(tmp_path, world_size) -> None:
    pairs = make_pairs(tmp_path)
    for rank in range(world_size):
        batches = make_eval_batches(pairs, rank=rank, world_size=world_size)
        passes = [list(batches), list(batches)]
        assert [len(each) for each in passes] == [len(batches)] * 2
        for each in passes:
            names = [name for batch in each for name in batch.pair_ids]
            assert names == list(pairs.pair_ids[rank::world_size])
            source = torch.from_numpy(np.array(pairs.source[rank::world_size]))
            target = torch.from_numpy(np.array(pairs.target[rank::world_size]))
            stacked = torch.cat([batch.source for batch in each])
            assert torch.equal(stacked, to_network(source, SOURCE.value_range))
            stacked = torch.cat([batch.target for batch in each])
            assert torch.equal(stacked, to_network(target, TARGET.value_range))


def test_a_worker_without_evaluation_pairs_has_no_batches() -> None:
    batches = make_eval_batches(make_pairs(num_pairs=2), rank=2, world_size=3)
    assert (len(batches), list(batches)) == (0, [])


def test_the_crops_of_a_pair_differ_and_are_functions_of_seed_epoch_pair_and_number() -> None:
    pairs = make_pairs(num_pairs=3, size=60)
    batches = make_batches(pairs, crops_per_pair=4, batch_size=5)
    assert batches.num_batches == 2
    order = epoch_order(3, 1, 12)
    augmentation = make_augmented()
    read = [source for batch in batches(1) for source in batch.source]
    for number, source in zip(order[:10], read, strict=True):
        position, crop = divmod(int(number), 4)
        seed = augment_seed(3, 1, f"pair-{position}", crop=crop)
        changed, _ = augmentation(pairs.source[position], pairs.target[position], seed=seed)
        expected = to_network(torch.from_numpy(changed[None]), SOURCE.value_range)[0]
        assert torch.equal(source, expected)
    seeds = {augment_seed(3, 1, name, crop=crop) for name in pairs.pair_ids for crop in range(4)}
    assert len(seeds) == 12
    assert augment_seed(3, 1, "pair-0", crop=0) == augment_seed(3, 1, "pair-0")


def test_groups_to_score_are_neighbours_of_one_size() -> None:
    images = [np.zeros((height, 20, 3), np.uint8) for height in (9, 9, 9, 8, 9, 9)]
    pairs = PreparedSplit(images, images, tuple("abcdef"))
    assert list(pairs.groups(range(6), 2)) == [[0, 1], [2], [3], [4, 5]]
    assert list(pairs.groups([], 2)) == []
    read = [batch.pair_ids for batch in make_eval_batches(pairs, source=TARGET, batch_size=2)]
    assert read == [("a", "b"), ("c",), ("d",), ("e", "f")]
