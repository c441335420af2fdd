"""The model of a step's time: closed forms, and what it counts against what PyTorch does."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.assumptions import BATCHES, GOAL, NETWORKS_GBIT_PER_S, SIZES, cluster, gpu
from benchmarks.costs import Layer, Network, Networks, count_networks
from benchmarks.simulated_tables import needed_compression, smallest_recipe
from benchmarks.step_time import (
    Cluster,
    Device,
    Recipe,
    StepTime,
    buckets,
    compute_s,
    efficiency,
    step_time,
)
from benchmarks.workload import preset
from pix2pix.config import Params
from pix2pix.models import network_configs
from pix2pix.training import new_state, train_step
from pix2pix.training.distributed import wrapping_options

MEBI = 2**20

# One operation or byte takes a second, so that times can be added up by hand.
UNIT_DEVICE = Device(flops_per_s=1.0, layer_s=0.0, optimizer_bytes_per_s=float("inf"))


PAIR = Cluster(
    num_gpus=2,
    gpus_per_node=1,
    node_bytes_per_s=float("inf"),
    network_bytes_per_s=1.0,
    node_latency_s=0.0,
    network_latency_s=0.0,
)


NO_LATENCY = {"node_latency_s": 0.0, "network_latency_s": 0.0}


GPU = gpu(0.35)


@pytest.fixture(scope="module")
def published() -> Networks:
    return count_networks(preset("reference"))


def test_the_published_networks_have_57_million_gradients(published: Networks) -> None:
    assert published.generator.parameters == 54_413_955
    assert published.discriminator.parameters == 2_768_705


@pytest.mark.parametrize("num_microbatches", [1, 2])
def test_the_operations_counted_are_those_of_a_real_step(
    small_params: Params, num_microbatches: int
) -> None:
    config = replace(small_params.train, num_microbatches=num_microbatches)
    state = new_state(*network_configs(small_params), config=config)
    images = torch.zeros(2, 3, 32, 32)
    with FlopCounterMode(display=False) as counter:
        train_step(state, images, images, config)
    networks = count_networks(small_params)
    recipe = Recipe(batch=2, num_microbatches=num_microbatches)
    assert compute_s(networks, UNIT_DEVICE, recipe) == counter.get_total_flops()
    if num_microbatches == 1:
        assert 2 * networks.step_flops == counter.get_total_flops()


@pytest.mark.slow
def test_the_buckets_are_those_of_distributed_data_parallel(
    default_params: Params, tmp_path: Path
) -> None:
    store = f"file://{tmp_path}/rendezvous"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        state = new_state(
            *network_configs(default_params),
            config=default_params.train,
            wrap=lambda network: DistributedDataParallel(network, **wrapping_options()),
        )
        images = torch.zeros(1, 3, 128, 128)
        for _ in range(4):  # it settles them in the second step, and notes them later
            train_step(state, images, images, default_params.train)
        made = [
            network._get_ddp_logging_data()["rebuilt_bucket_sizes"]
            for network in (state.generator, state.discriminator)
        ]
    finally:
        distributed.destroy_process_group()
    networks = count_networks(default_params)
    assert made == [
        ", ".join(str(4 * bucket.parameters) for bucket in buckets(network))
        for network in (networks.generator, networks.discriminator)
    ]


def test_one_gpu_has_nothing_to_exchange(published: Networks) -> None:
    alone = step_time(published, GPU, cluster(1, 25), Recipe(batch=4))
    assert alone == StepTime(alone.compute_s, 0.0, 0.0)
    assert efficiency(published, GPU, cluster(1, 25), Recipe(batch=4)) == 1.0


def test_a_sum_takes_the_ring_s_bytes_and_the_tree_s_latency() -> None:
    place = Cluster(
        num_gpus=32,
        gpus_per_node=8,
        node_bytes_per_s=100.0,
        network_bytes_per_s=10.0,
        node_latency_s=0.5,
        network_latency_s=3.0,
    )
    in_node, between = 2 * 7 / 8 * 1000 / 100 + 6 * 0.5, 2 * 3 / 4 * 1000 / 10 + 4 * 3.0
    assert place.all_reduce_s(1000) == pytest.approx(in_node + between, rel=1e-12)
    assert replace(place, num_gpus=8).all_reduce_s(1000) == pytest.approx(in_node, rel=1e-12)


def test_twice_the_bandwidth_takes_half_the_time() -> None:
    place = replace(cluster(64, 100), **NO_LATENCY)
    twice = replace(
        place,
        node_bytes_per_s=2 * place.node_bytes_per_s,
        network_bytes_per_s=2 * place.network_bytes_per_s,
    )
    assert place.all_reduce_s(MEBI) == 2 * twice.all_reduce_s(MEBI)


def test_bfloat16_halves_the_exchange(published: Networks) -> None:
    place = replace(cluster(64, 100), **NO_LATENCY)
    wide, narrow = (
        step_time(
            published, GPU, place, Recipe(batch=4, bytes_per_gradient=width, small_all_reduces=0)
        )
        for width in (4.0, 2.0)
    )
    assert wide.exchange_s == pytest.approx(2 * narrow.exchange_s, rel=1e-12)
    assert wide.compute_s == narrow.compute_s


def test_what_a_backward_pass_hides_is_what_follows_a_bucket() -> None:
    """Two layers of a bucket each: 1 MiB is ready first, and the rest at the end."""
    first, last = Layer(MEBI // 8, 2 * MEBI), Layer(MEBI // 4, 3 * MEBI)
    generator = Network((first, last))
    assert [(b.parameters, b.last_layer) for b in buckets(generator)] == [
        (MEBI // 4, 0),
        (MEBI // 8, 1),
    ]
    networks = Networks(generator, Network((Layer(0, 0),)))
    # Backward: the last layer's 6 MiB operations, then the first one's 2, under which 2 of the
    # 4 x MEBI / 4 x 8 = 8 that the first bucket takes are hidden; then come the other's 4.
    recipe = Recipe(batch=1, bytes_per_gradient=32.0, small_all_reduces=0)
    hidden = step_time(networks, UNIT_DEVICE, PAIR, recipe)
    assert (hidden.exchange_s, hidden.exposed_s) == (12 * MEBI, 10 * MEBI)
    assert hidden.total_s == (5 + 8 + 10) * MEBI
    bare = step_time(networks, UNIT_DEVICE, PAIR, replace(recipe, overlaps=False))
    assert bare.exposed_s == bare.exchange_s == 12 * MEBI
    in_parts = step_time(networks, UNIT_DEVICE, PAIR, replace(recipe, batch=2, num_microbatches=2))
    assert in_parts.exposed_s == hidden.exposed_s  # only the last microbatch hides anything
    assert in_parts.compute_s == (2 * (5 + 8) + 2 * 5) * MEBI  # and fakes are made twice


def test_gradients_of_d_are_complete_in_its_second_pass_only() -> None:
    """The same layers as D: it goes back twice, and hides no more than the second time."""
    discriminator = Network((Layer(MEBI // 8, 2 * MEBI), Layer(MEBI // 4, 3 * MEBI)))
    networks = Networks(Network((Layer(0, 0),)), discriminator)
    recipe = Recipe(batch=1, bytes_per_gradient=32.0, small_all_reduces=0)
    time = step_time(networks, UNIT_DEVICE, PAIR, recipe)
    assert (time.compute_s, time.exposed_s) == ((3 * 5 + 2 * 8 + 5) * MEBI, 10 * MEBI)


@pytest.mark.parametrize("gbit_per_s", NETWORKS_GBIT_PER_S)
@pytest.mark.parametrize("batch", BATCHES)
def test_efficiency_falls_with_the_number_of_gpus(
    published: Networks, batch: int, gbit_per_s: int
) -> None:
    recipe = Recipe(batch=batch)
    values = [efficiency(published, GPU, cluster(size, gbit_per_s), recipe) for size in SIZES]
    assert all(more < fewer for fewer, more in pairwise(values))


def test_efficiency_rises_with_the_batch(published: Networks) -> None:
    place = cluster(64, 400)
    values = [efficiency(published, GPU, place, Recipe(batch=batch)) for batch in range(1, 65)]
    assert all(more > fewer for fewer, more in pairwise(values))


def test_without_latency_efficiency_has_a_limit(published: Networks) -> None:
    """For ever more nodes a sum of s bytes takes 2 s / W on the network, and is never faster."""
    recipe = Recipe(batch=4, small_all_reduces=0, overlaps=False)
    place = replace(cluster(8 * 2**20, 100), **NO_LATENCY)
    num_bytes = 4 * published.parameters
    limit_s = num_bytes * (2 / place.network_bytes_per_s + 2 * 7 / 8 / place.node_bytes_per_s)
    compute = compute_s(published, GPU, recipe)
    expected = compute / (compute + limit_s)
    assert efficiency(published, GPU, place, recipe) == pytest.approx(expected, rel=1e-5)


def test_half_a_node_more_is_refused() -> None:
    with pytest.raises(ValueError, match=r"num_gpus must be .* \(8\) or a multiple of it, got 12"):
        cluster(12, 100)


@pytest.mark.parametrize(("size", "gbit_per_s", "width"), [(8, 25, 4.0), (64, 100, 2.0)])
def test_one_image_less_misses_the_goal(
    published: Networks, size: int, gbit_per_s: int, width: float
) -> None:
    place = cluster(size, gbit_per_s)
    found = smallest_recipe(published, GPU, place, width)
    assert found is not None
    assert efficiency(published, GPU, place, found) >= GOAL
    parts = found.num_microbatches
    fewer = replace(
        found,
        batch=found.batch - (64 if parts > 1 else 1),
        num_microbatches=max(1, parts - 1),
    )
    assert efficiency(published, GPU, place, fewer) < GOAL


def test_less_compression_misses_the_goal(published: Networks) -> None:
    place = cluster(16, 100)
    factor = needed_compression(published, GPU, place, 16)
    assert factor is not None

    def reached(factor: float) -> float:
        recipe = Recipe(batch=16, bytes_per_gradient=4 / factor)
        return efficiency(published, GPU, place, recipe)

    assert reached(factor) >= GOAL > reached(0.99 * factor)
    assert needed_compression(published, GPU, cluster(1, 100), 1) == 1.0
    assert needed_compression(published, GPU, cluster(1024, 25), 1) is None
