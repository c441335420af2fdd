"""Several workers compute the same as one. They are processes with gloo, without Ray."""

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from pix2pix.config import Params
from pix2pix.training.distributed import (
    LateMax,
    any_over_ranks,
    average_buffers,
    share_weight,
)
from tests.support.deviation import deviation
from tests.support.gloo import run_together
from tests.support.worker_training import POISONS, params_of, train_steps, work

# Float32 sums in another order. Measured over all cases: the first step's gradients are off by 6e-7
# of their length, and where eight steps lead by 6e-6 of the way's. The latter can be 1e-3 where
# rounding flips the side of a ReLU; a pair that counts double makes it 0.4.
GRADIENT_BOUND = 1e-5


WAY_BOUND = 5e-3

# What differs from the small parameters; without dropout, whose masks differ between ranks.
CASES: dict[str, dict[str, Any]] = {
    "none": {"norm": "none"},
    "instance": {"norm": "instance"},
    "batch": {"norm": "batch"},
    "shared batch": {"norm": "batch", "sync_batch_norm": True},
    "bfloat16 exchange": {"norm": "none", "gradient_exchange": "bfloat16"},
    "two parts": {"norm": "instance", "num_microbatches": 2},
    "masked": {"norm": "none"},
    "masked, two parts": {"norm": "none", "num_microbatches": 2},
}


CASES_OF = {
    2: list(CASES),
    3: ["none", "instance", "shared batch", "bfloat16 exchange", "masked"],
    4: ["none", "instance"],
}


POISONED_OF = {2: ["none", "two parts"], 3: [], 4: []}


Alone = Callable[[str], dict[str, Any]]


Together = Callable[[int], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def together(small_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Together:
    """A function that returns the results of all cases with a number of workers."""

    @functools.cache
    def results(world_size: int) -> list[dict[str, Any]]:
        trained, poisoned = (
            {name: params_of(small_params, **CASES[name]) for name in names[world_size]}
            for names in (CASES_OF, POISONED_OF)
        )
        folder = tmp_path_factory.mktemp("workers")
        return run_together(work, trained, poisoned, world_size=world_size, folder=folder)

    return results


@pytest.fixture(scope="module")
def alone(small_params: Params) -> Alone:
    """A function that returns the result of a case with one process."""

    @functools.cache
    def result(case: str) -> dict[str, Any]:
        torch.set_num_threads(1)
        return train_steps(params_of(small_params, **CASES[case]), case, rank=0, world_size=1)

    return result


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "world_size"),
    [(case, size) for size in (2, 3) for case in ("none", "instance", "masked")]
    + [("shared batch", 2), ("shared batch", 3), ("two parts", 2), ("masked, two parts", 2)]
    + [pytest.param(case, 4, marks=pytest.mark.soak) for case in ("none", "instance")],
)
def test_the_number_of_workers_does_not_change_the_weights(
    alone: Alone, together: Together, case: str, world_size: int
) -> None:
    """Also with one more pair on a worker, with shared statistics of batch norm, and with masks.

    Of masked pairs, the workers have different numbers of pixels that count.
    """
    expected = alone(case)
    for worker in together(world_size):
        result = worker[case]
        assert deviation(result["gradients"], expected["gradients"]) < GRADIENT_BOUND
        assert deviation(result["weights"], expected["weights"], start=result["start"]) < WAY_BOUND
        assert result["dev"] == pytest.approx(expected["dev"], abs=GRADIENT_BOUND)
        assert result["mean"] == pytest.approx(expected["mean"], abs=GRADIENT_BOUND)
        for name, value in expected["statistics"].items():
            torch.testing.assert_close(result["statistics"][name], value, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_with_batch_norm_ranks_end_with_equal_weights_and_statistics(together: Together) -> None:
    """Each worker has statistics of its own, which are averaged before dev is scored."""
    first, second = (worker["batch"] for worker in together(2))
    assert first["dev"] == second["dev"]
    for kind in ("weights", "statistics"):
        assert len(first[kind]) > 0
        for name, value in first[kind].items():
            assert torch.equal(value, second[kind][name]), name


@pytest.mark.slow
def test_without_shared_statistics_batch_norm_depends_on_the_number_of_workers(
    alone: Alone, together: Together
) -> None:
    """For this case there is `sync_batch_norm`."""
    result, expected = together(2)[0]["batch"], alone("batch")
    assert deviation(result["gradients"], expected["gradients"]) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("world_size", [2, 3])
def test_gradients_exchanged_in_bfloat16_give_almost_the_same_weights(
    together: Together, world_size: int
) -> None:
    """Measured: gradients differ by 0.2 %, changes of the weights by 6 % (3 workers: 8 %).

    Adam divides each gradient by its size, so that rounding of small ones counts as much as of
    large ones.
    """
    first, *others = together(world_size)
    result, expected = first["bfloat16 exchange"], first["none"]
    assert 1e-4 < deviation(result["gradients"], expected["gradients"]) < 2**-7
    assert deviation(result["weights"], expected["weights"], start=result["start"]) < 0.15
    for worker in others:
        weights_there = worker["bfloat16 exchange"]["weights"]
        assert all(
            torch.equal(value, weights_there[name]) for name, value in result["weights"].items()
        )


@pytest.mark.slow
def test_shares_are_weighted_by_their_numbers_of_pairs(together: Together) -> None:
    weights = {
        size: [worker["none"]["share_weight"] for worker in together(size)] for size in (2, 3)
    }
    assert weights == {2: [1.0, 1.0], 3: [1.5, 0.75, 0.75]}


@pytest.mark.slow
def test_gradients_are_exchanged_once_per_update_whatever_the_number_of_parts(
    together: Together,
) -> None:
    """The case has two steps, each with two updates."""
    assert [worker["exchanges"] for worker in together(2)] == [{"none": 4, "two parts": 4}] * 2


@pytest.mark.slow
def test_a_flag_that_is_true_on_one_rank_is_true_on_all(together: Together) -> None:
    assert [worker["any"] for worker in together(3)] == [[False, True, True, True]] * 3


@pytest.mark.slow
def test_the_largest_of_a_call_is_known_in_the_next_one(together: Together) -> None:
    for size in (2, 3):
        expected = [0, 1, size - 1, 0, size - 1, 0]  # the last one is told once
        assert [worker["late largest"] for worker in together(size)] == [expected] * size


def test_one_rank_alone_knows_its_value_at_once() -> None:
    late = LateMax(torch.device("cpu"))
    assert [late.exchanged(2), late.exchanged(0), late.last()] == [2, 0, 0]


@pytest.mark.slow
def test_buckets_are_exchanged_while_the_backward_pass_still_runs(together: Together) -> None:
    """Of both networks: the first layer's gradient, which is the last, comes after a bucket."""
    for worker in together(2):
        discriminator, generator = _split_after_buckets(worker["order"])
        for happened in (discriminator, generator):
            assert happened.count("bucket") >= 2
            assert happened.index("last") > 0


def _split_after_buckets(order: list[str]) -> tuple[list[str], list[str]]:
    """Split into what belongs to the two updates: the last bucket follows the last gradient."""
    end = order.index("last") + 2
    return order[:end], order[end:]


@pytest.mark.slow
@pytest.mark.parametrize("case", POISONED_OF[2])
@pytest.mark.parametrize("poison", POISONS)
def test_a_non_finite_loss_of_one_rank_stops_all_before_the_update(
    together: Together, poison: str, case: str
) -> None:
    healthy, poisoned = (worker[f"{poison}: {case}"] for worker in together(2))
    assert (healthy["is_here"], poisoned["is_here"]) == (False, True)
    assert "in step 1 of another worker (here: " in healthy["error"]
    assert "in step 1 (" in poisoned["error"]
    assert all(math.isfinite(value) for value in healthy["terms"].values())
    assert not all(math.isfinite(value) for value in poisoned["terms"].values())
    for worker in (healthy, poisoned):
        kept = {"discriminator": "", "generator": "generator."}[poison]
        for key, value in worker["before"].items():
            assert torch.equal(worker["after"][key], value) is key.startswith(kept), key
            assert torch.equal(worker["after"][key], healthy["after"][key]), key


@pytest.mark.slow
@pytest.mark.parametrize("case", POISONED_OF[2])
def test_training_continues_after_a_failed_step_as_if_there_had_been_none(
    together: Together, case: str
) -> None:
    """The results differ by rounding only.

    DistributedDataParallel still expects the gradients of the failed pass, and therefore exchanges
    those of the next first part separately.
    """
    for worker in together(2):
        result = worker[f"discriminator: {case}"]
        assert deviation(result["in the end"], result["without it"]) < 1e-6


def test_in_one_process_exchanges_return_their_input() -> None:
    norm = torch.nn.BatchNorm2d(2)
    norm.running_mean += 3.0
    average_buffers(norm)
    assert norm.running_mean.tolist() == [3.0, 3.0]
    assert share_weight(3, 8) == 1.0
    assert [any_over_ranks(flag, torch.device("cpu")) for flag in (False, True)] == [False, True]
