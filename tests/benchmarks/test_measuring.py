"""The measuring programs on small networks: that they measure what they say, not how fast it is."""

import pytest

from benchmarks.costs import count_networks
from benchmarks.framework import measure_checkpoint, measure_framework
from benchmarks.scaling import Effort, measure_workers
from benchmarks.workload import preset
from pix2pix.cores import num_cores

pytestmark = pytest.mark.slow


@pytest.mark.soak
@pytest.mark.skipif(num_cores() < 2, reason="one core: nothing to compare")
def test_each_kind_of_step_is_timed_in_each_round() -> None:
    effort = Effort(
        num_rounds=2,
        batches={"smoke": (1, 2)},
        steps={"smoke": 1},
        num_sums=1,
        framework_rounds=1,
        framework_pairs=10,
        framework_s=1.0,
    )
    found = measure_workers(effort, num_cores() // 2)
    kinds = {(step.num_workers, step.batch, step.exchange) for step in found["steps"]}
    alone = {(1, batch, "none") for batch in (1, 2)}
    pairs = {(2, b, kind) for b in (1, 2) for kind in ("none", "float32", "bfloat16")}
    assert kinds == alone | pairs
    assert all(len(step.step_s) == 2 and min(step.step_s) > 0 for step in found["steps"])
    assert {len(each.seconds) for each in found["all_reduces"]} == {2}
    assert {each.num_workers for each in found["all_reduces"]} == {2}


def test_a_checkpoint_holds_three_values_per_weight_and_the_best_weights() -> None:
    found = measure_checkpoint("smoke", num_repeats=2)
    assert len(found.write_s) == 2
    # Adam's moments and the weights, and the best epoch's weights once more; names besides.
    assert found.num_bytes == pytest.approx(
        4 * 4 * count_networks(preset("smoke")).parameters, rel=0.1
    )


@pytest.mark.soak
@pytest.mark.ray
def test_the_same_training_is_timed_bare_and_under_ray() -> None:
    bare, ray = measure_framework(
        "smoke", num_train=12, num_epochs=3, num_rounds=1, num_cores=1, variants=("bare", "ray")
    )
    assert (bare.variant, ray.variant) == ("bare", "ray")
    assert bare.num_images == ray.num_images > 0
    assert len(bare.elapsed_s) == len(ray.elapsed_s) == 1
