"""The best trials, and what explains the differences, by Optuna."""

import math
from collections.abc import Sequence

import pytest

from pipelines.tuning.optuna_study import importance, pareto_front, pictures
from pix2pix.config import Params
from pix2pix.tuning.trials import Status, Trial
from tests.support.small_study import small_study
from tests.support.trials import make_trial

RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)


def _trial(
    number: int, l1: float, *, frechet: float | None = None, status: Status = "finished"
) -> Trial:
    last = {"epoch": 1, "time_s": 0.0, "dev/l1": l1}
    rate = RATES[number % len(RATES)]
    return make_trial(
        number,
        {"epoch": 0, "time_s": 0.0, "dev/l1": 1.0},
        last if frechet is None else {**last, "dev/frechet": frechet},
        values={"train.learning_rate": rate, "train.lambda_l1": (10.0, 100.0)[number % 2]},
        status=status,
        reason="lost" if status == "failed" else None,
    )


@pytest.fixture
def params(small_params: Params) -> Params:
    return small_study(small_params)


@pytest.fixture
def pair(small_params: Params) -> Params:
    return small_study(small_params, objective="l1_and_frechet")


def _numbers(trials: Sequence[Trial]) -> list[int]:
    return [trial.number for trial in trials]


def test_only_finished_trials_can_win(params: Params) -> None:
    trials = [_trial(0, 0.3), _trial(1, 0.1, status="stopped"), _trial(2, 0.2)]
    assert _numbers(pareto_front(trials, params)) == [2]


def test_a_front_has_the_trials_that_no_other_beats_in_both_scores(pair: Params) -> None:
    scores = [(0.3, 10.0), (0.1, 30.0), (0.2, 20.0), (0.2, 25.0), (0.4, 40.0)]
    trials = [_trial(number, l1, frechet=each) for number, (l1, each) in enumerate(scores)]
    assert _numbers(pareto_front(trials, pair)) == [1, 2, 0]


def test_where_no_trial_finished_the_first_reason_is_said(params: Params) -> None:
    with pytest.raises(ValueError, match="no trial finished: lost"):
        pareto_front([_trial(0, 0.3, status="failed")], params)


@pytest.mark.parametrize("undefined", [math.nan, math.inf])
def test_what_is_not_finite_is_no_score(params: Params, pair: Params, undefined: float) -> None:
    trials = [_trial(0, undefined), _trial(1, 0.3, frechet=1.0), _trial(2, 0.1, frechet=undefined)]
    assert _numbers(pareto_front(trials, params)) == [2]
    assert _numbers(pareto_front(trials, pair)) == [1]
    with pytest.raises(ValueError, match=r"no trial finished: .* have no finite score"):
        pareto_front(trials[:1], params)


def test_importance_goes_to_the_key_that_explains_the_score(params: Params) -> None:
    """Dev L1 is a function of the learning rate alone."""
    trials = [_trial(number, 0.1 * (math.log10(RATES[number]) + 6)) for number in range(6)]
    assert importance(trials[:2], params) == {}
    assert importance([_trial(number, 0.5) for number in range(6)], params) == {}
    shares = importance(trials, params)
    assert shares.keys() == {"train.learning_rate", "train.lambda_l1"}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["train.learning_rate"] > 0.7


@pytest.mark.slow
def test_pictures_are_png_files_of_each_view(params: Params, pair: Params) -> None:
    trials = [_trial(n, 0.1 * n + 0.1, frechet=float(9 - n)) for n in range(4)]
    stopped = [*trials, _trial(4, 0.9, status="stopped"), _trial(5, 0.9, status="failed")]
    found = pictures(stopped, pair)
    assert sorted(found) == ["curves", "front", "importance", "slices"]
    assert sorted(pictures(trials[:2], params)) == ["curves", "slices"]
    assert all(png.startswith(b"\x89PNG") for png in found.values())
