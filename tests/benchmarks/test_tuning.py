"""How the benchmark of searches counts."""

from typing import Any

import pytest

from benchmarks.tuning import Comparison, search_params, summary
from pix2pix.config import Params
from pix2pix.tuning.space import check_space
from pix2pix.tuning.trials import Status, Trial
from tests.support.trials import make_trial


def _trial(number: int, *l1: float, status: Status = "finished") -> Trial:
    history: list[Any] = [{"epoch": 0, "time_s": 0.0, "dev/l1": 1.0}]
    history += [
        {"epoch": place + 1, "time_s": 0.0, "dev/l1": each} for place, each in enumerate(l1)
    ]
    return make_trial(number, *history, status=status)


@pytest.fixture
def params(default_params: Params) -> Params:
    return search_params(default_params, num_epochs=2)


def test_the_space_of_the_benchmark_can_be_searched(params: Params) -> None:
    check_space(params)


def test_steps_count_until_a_finished_trial_is_as_good(params: Params) -> None:
    trials = [_trial(0, 0.5, 0.4), _trial(1, 0.1, status="stopped"), _trial(2, 0.3, 0.2)]
    found = summary(trials, params, target=0.3)
    assert (found.num_epochs, found.best_l1, found.epochs_to_target) == (5, 0.2, 5)
    assert summary(trials, params, target=0.4).epochs_to_target == 2
    never = summary(trials, params, target=0.1)
    assert never.epochs_to_target is None
    drawn = summary(trials, params, target=None)
    assert drawn.epochs_to_target == 5
    assert Comparison(seed=0, random=drawn, asha=never).share is None
    assert Comparison(seed=0, random=drawn, asha=drawn).share == 1.0
