"""Batches for scores: each pair once."""

import numpy as np
import pytest
import torch

from pix2pix.data.loader import EvalBatches
from pix2pix.data.prepared import PreparedSplit
from pix2pix.data.ranges import to_network
from tests.support.random_pairs import CPU, SOURCE, TARGET, make_pairs


def make_eval_batches(pairs, **options):
    settings = {"source": SOURCE, "target": TARGET, "batch_size": 4, "device": CPU} | options
    return EvalBatches(pairs, **settings)


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


def test_groups_to_score_are_neighbours_of_one_size() -> None:
    images = [np.zeros((height, 20, 3), np.uint8) for height in (9, 9, 9, 8, 9, 9)]
    pairs = PreparedSplit(images, images, tuple("abcdef"))
    assert list(pairs.groups(range(6), 2)) == [[0, 1], [2], [3], [4, 5]]
    assert list(pairs.groups([], 2)) == []
    read = [batch.pair_ids for batch in make_eval_batches(pairs, source=TARGET, batch_size=2)]
    assert read == [("a", "b"), ("c",), ("d",), ("e", "f")]
