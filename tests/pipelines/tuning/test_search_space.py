"""The dimensions of a search, as Optuna and Ray Tune draw values from them."""

import dataclasses
from typing import Any

import numpy as np
import optuna
import pytest

from pipelines.tuning.search_space import make_sampler, optuna_space, population_space, tune_space
from pix2pix.config import Params, TuneConfig, parse_params

SPACE = [
    {"key": "train.learning_rate", "kind": "loguniform", "low": 1e-5, "high": 1e-1},
    {"key": "train.beta1", "kind": "uniform", "low": 0.0, "high": 0.9},
    {"key": "model.dropout", "kind": "quantised", "low": 0.1, "high": 0.6, "step": 0.25},
    {"key": "model.base_channels", "kind": "quantised", "low": 8, "high": 32, "step": 8},
    {"key": "model.norm", "kind": "choice", "values": ["batch", "none"]},
]


def _config(params: Params, **changes: Any) -> TuneConfig:
    mapping = dataclasses.asdict(params)
    mapping["tune"] |= {"space": SPACE, **changes}
    return parse_params(mapping).tune


def _check(values: dict[str, Any]) -> None:
    rate, beta, dropout, channels, norm = (values[each["key"]] for each in SPACE)
    assert 1e-5 <= rate <= 1e-1
    assert 0.0 <= beta <= 0.9
    assert round(dropout, 9) in (0.1, 0.35, 0.6)
    assert channels in (8, 16, 24, 32)
    assert isinstance(channels, int)
    assert norm in ("batch", "none")


@pytest.mark.parametrize("sampler", ["optuna", "random"])
def test_optuna_draws_values_of_each_dimension(default_params: Params, sampler: str) -> None:
    config = _config(default_params, sampler=sampler, num_random_trials=5)
    drawn = []
    for _ in range(2):
        study = optuna.create_study(sampler=make_sampler(config))
        for number in range(8):
            trial = study.ask(optuna_space(config.space))
            _check(trial.params)
            study.tell(trial, number)
        drawn.append([trial.params for trial in study.trials])
    assert drawn[0] == drawn[1]  # a function of tune.seed
    assert {params["model.norm"] for params in drawn[0]} == {"batch", "none"}


def test_a_population_starts_with_values_of_each_dimension(default_params: Params) -> None:
    domains = tune_space(_config(default_params).space)
    for seed in range(20):
        state = np.random.RandomState(seed)
        _check({key: domain.sample(random_state=state) for key, domain in domains.items()})


def test_a_population_moves_along_the_grid_of_a_quantised_value(default_params: Params) -> None:
    mutations = population_space(_config(default_params).space)
    assert mutations["model.dropout"] == [0.1, 0.35, 0.6]
    assert mutations["model.base_channels"] == [8, 16, 24, 32]
    assert mutations["model.norm"] == ["batch", "none"]
