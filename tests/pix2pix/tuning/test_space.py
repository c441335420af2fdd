"""The space of a search is checked before the first trial."""

import dataclasses
from typing import Any

import pytest

from pix2pix.config import Params, parse_params
from pix2pix.tuning.space import (
    check_space,
    default_values,
    first_kept_epoch,
    idle_keys_caution,
    largest_batch,
    readable_values,
    total_epochs,
    trial_params,
)


def _with_space(params: Params, *space: dict[str, Any], **tune: Any) -> Params:
    mapping = dataclasses.asdict(params)
    mapping["tune"] |= {"space": list(space), **tune}
    return parse_params(mapping)


_POPULATION = {"scheduler": "pbt", "num_trials": 4, "num_epochs": 9, "exchange_epochs": 3}


def _choice(key: str, *values: Any) -> dict[str, Any]:
    return {"key": key, "kind": "choice", "values": list(values)}


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("train.learning_rat", "is no key of params.yaml; there are batch_size, "),
        ("optimizer.beta1", "is no key of params.yaml; there are augment, model, train"),
        ("data.image_size", "data/prepared stays the same during a study"),
        ("evaluate.seed", "a study never reads"),
        ("tune.num_trials", "describes the study itself"),
        ("register.experiment", "names the experiment and the model in MLflow"),
        ("train.num_workers", "says where a training runs"),
        ("train.seed", "gains are compared with the differences between seeds"),
        ("train.deterministic", "it changes rounding"),
        ("train.num_epochs", "tune.num_epochs sets how long every trial is"),
        ("train.early_stopping_epochs", "tune.scheduler decides"),
        ("train.num_samples", "changes sample images, not results"),
    ],
)
def test_a_key_that_cannot_vary_is_refused_with_its_reason(
    default_params: Params, key: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=r"tune\.space cannot be searched") as caught:
        check_space(_with_space(default_params, _choice(key, 1, 2)))
    assert f"{key} " in str(caught.value)
    assert reason in str(caught.value)


def test_shapes_cannot_vary_where_trials_start_from_a_parent(default_params: Params) -> None:
    """A discriminator that is new in each trial may have any shape."""
    both = dataclasses.replace(
        default_params, train=dataclasses.replace(default_params.train, init_from="models:/x/1")
    )
    alone = dataclasses.replace(
        both, train=dataclasses.replace(both.train, init_networks="generator")
    )
    for params, key, values in (
        (both, "model.norm", ("batch", "none")),
        (both, "model.upsample", ("transposed", "resize")),
        (both, "model.discriminator_layers", (2, 3)),
        (alone, "model.base_channels", (2, 3)),
    ):
        with pytest.raises(ValueError, match=f"{key} cannot vary with train.init_from"):
            check_space(_with_space(params, _choice(key, *values)))
    check_space(_with_space(alone, _choice("model.discriminator_layers", 2, 3)))
    check_space(_with_space(both, _choice("model.dropout", 0.0, 0.5)))


def test_the_networks_cannot_vary_in_a_population(default_params: Params) -> None:
    """The weights of one trial would not fit into the networks of another one."""
    population = _with_space(default_params, _choice("model.norm", "batch", "none"), **_POPULATION)
    with pytest.raises(ValueError, match=r"model\.norm cannot vary with scheduler: pbt"):
        check_space(population)
    check_space(_with_space(default_params, _choice("train.beta1", 0.5, 0.9), **_POPULATION))


@pytest.mark.parametrize(
    ("dimension", "reason"),
    [
        (
            {"key": "train.learning_rate", "kind": "loguniform", "low": 0.1, "high": 3.0},
            "train.learning_rate = 3.0: train.learning_rate: Input should be less than or equal",
        ),
        (
            {"key": "model.base_channels", "kind": "uniform", "low": 8, "high": 16},
            "model.base_channels = 8.0: model.base_channels: Input should be a valid integer",
        ),
        (_choice("model.norm", "batch", "layer"), "model.norm = 'layer': model.norm: Input should"),
        (_choice("train.batch_size", 1, 0), "train.batch_size = 0: train.batch_size: Input should"),
        (_choice("model.depth", 4, 9), "model.depth = 9: model.depth 9 halves the image 9 times"),
    ],
)
def test_a_value_that_is_invalid_in_a_trial_is_named(
    default_params: Params, dimension: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match="cannot be searched") as caught:
        check_space(_with_space(default_params, dimension))
    assert reason in str(caught.value)


def test_two_values_that_are_invalid_together_are_named(default_params: Params) -> None:
    space = (_choice("train.lambda_l1", 0, 100), _choice("train.lambda_adversarial", 0, 1))
    with pytest.raises(ValueError, match=r"lambda_l1 = 0 with train\.lambda_adversarial = 0"):
        check_space(_with_space(default_params, *space))


def test_all_wrong_keys_are_named_at_once(default_params: Params) -> None:
    with pytest.raises(ValueError, match="cannot be searched") as caught:
        check_space(_with_space(default_params, _choice("a.b", 1, 2), _choice("c.d", 1, 2)))
    assert "a.b" in str(caught.value)
    assert "c.d" in str(caught.value)


def test_a_trial_has_its_values_and_the_budget_of_the_study(default_params: Params) -> None:
    params = _with_space(default_params, _choice("model.norm", "batch", "none"), num_epochs=4)
    trial = trial_params(params, {"model.norm": "none", "augment.noise": 0.1}, seed=7)
    assert (trial.model.norm, trial.augment.noise, trial.train.seed) == ("none", 0.1, 7)
    assert (trial.train.num_epochs, trial.train.num_decay_epochs) == (4, 0)
    assert (trial.train.best_from_epoch, trial.train.sample_every_epochs) == (3, 4)
    assert trial.train.learning_rate == params.train.learning_rate


def test_what_the_study_decides_is_not_taken_from_the_training(default_params: Params) -> None:
    """Ray Tune stops trials, needs a checkpoint of each epoch, and keeps the best one itself."""
    train = dataclasses.replace(
        default_params.train,
        early_stopping_epochs=3,
        checkpoint_every_epochs=5,
        checkpoint_every_steps=7,
        keep_best_checkpoints=2,
        batch_size=4,
        num_workers=4,
        cpus_per_worker=3,
        device="gpu",
    )
    tune = dataclasses.replace(
        default_params.tune, num_workers=2, cpus_per_worker=1, gpus_per_worker=0
    )
    found = trial_params(dataclasses.replace(default_params, train=train, tune=tune), {}).train
    assert (found.early_stopping_epochs, found.keep_best_checkpoints) == (None, 0)
    assert (found.checkpoint_every_epochs, found.checkpoint_every_steps) == (1, None)
    assert (found.num_workers, found.cpus_per_worker, found.device) == (2, 1, "cpu")


@pytest.mark.parametrize(
    ("best_from", "num_epochs", "first"),
    [(101, 50, 26), (200, 50, 50), (1, 50, 1), (101, 1, 1), (101, 400, 201)],
)
def test_a_trial_leaves_out_the_same_share_of_young_epochs_as_a_training(
    default_params: Params, best_from: int, num_epochs: int, first: int
) -> None:
    train = dataclasses.replace(
        default_params.train, num_epochs=100, num_decay_epochs=100, best_from_epoch=best_from
    )
    tune = dataclasses.replace(default_params.tune, num_epochs=num_epochs)
    params = dataclasses.replace(default_params, train=train, tune=tune)
    assert first_kept_epoch(params) == first
    assert first_kept_epoch(trial_params(params, {})) == first  # as the trial itself counts


def test_without_a_budget_of_its_own_a_trial_is_as_long_as_a_training(
    default_params: Params,
) -> None:
    params = _with_space(default_params, _choice("model.norm", "batch", "none"), num_epochs=None)
    train = trial_params(params, {}).train
    assert (train.total_epochs, train.num_decay_epochs) == (total_epochs(params), 5)
    assert train.best_from_epoch == first_kept_epoch(params) == params.train.best_from_epoch


def test_the_default_values_are_those_in_params_yaml(default_params: Params) -> None:
    values = default_values(default_params)
    assert values == {
        "train.learning_rate": 0.0002,
        "train.lambda_l1": 100.0,
        "model.dropout": 0.5,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": []}, "tune.space"),
        ({"space": [{"key": "train.beta1", "kind": "normal"}]}, "tune.space.0"),
        ({"space": [_choice("train.beta1", 0.5)]}, "tune.space.0.choice.values"),
        (
            {"space": [{"key": "train.beta1", "kind": "uniform", "low": 1.0, "high": 0.0}]},
            "low (1.0) must be less than high (0.0)",
        ),
        (
            {"space": [{"key": "a.b", "kind": "quantised", "low": 0, "high": 5, "step": 2}]},
            "high (5) is not low + a multiple of step (2)",
        ),
        (
            {"space": [{"key": "a.b", "kind": "quantised", "low": 0.0, "high": 1, "step": 1e-320}]},
            "step (1e-320) divides low (0.0) to high (1) into more than 10000 parts: raise it",
        ),
        (
            {"space": [{"key": "a.b", "kind": "quantised", "low": 0, "high": 10**500, "step": 1}]},
            "tune.space.0.quantised.high: Input should be less than or equal to 1000000000",
        ),
        ({"space": [_choice("a.b", 1, 2)] * 2}, "space names a.b more than once"),
        ({"num_seeds": 1}, "num_seeds: one seed gives no interval"),
        ({"objective": "l1_and_kid"}, "objective: l1_and_kid needs scheduler: none"),
        (_POPULATION | {"objective": "l1_and_kid"}, "pbt uses only dev L1"),
        (_POPULATION | {"num_workers": 2}, "scheduler: pbt needs num_workers: 1"),
        (_POPULATION | {"max_concurrent_trials": 2}, "pbt needs max_concurrent_trials: null"),
        (_POPULATION | {"num_trials": 1}, "scheduler: pbt needs num_trials of at least 2"),
        (_POPULATION | {"num_epochs": None}, "scheduler: pbt needs num_epochs"),
        (_POPULATION | {"exchange_epochs": 9}, "exchange_epochs (9) not below num_epochs (9)"),
        ({"gpus_per_worker": 0.5, "num_workers": 2}, "gpus_per_worker must be at most 1"),
    ],
)
def test_a_wrong_study_is_refused_when_params_yaml_is_read(
    default_params: Params, change: dict[str, Any], message: str
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["tune"] |= change
    with pytest.raises(ValueError, match="wrong parameter") as caught:
        parse_params(mapping)
    assert message in str(caught.value)


def test_the_largest_batch_is_that_of_params_yaml_or_of_a_trial(default_params: Params) -> None:
    own = default_params.train.batch_size
    assert largest_batch(_with_space(default_params, _choice("train.beta1", 0.5, 0.9))) == own
    sizes = _choice("train.batch_size", own + 7, own)
    assert largest_batch(_with_space(default_params, sizes)) == own + 7


def test_a_search_of_dropout_that_no_trial_has_is_told(default_params: Params) -> None:
    dropout = _choice("model.dropout", 0.0, 0.5)
    at_96 = dataclasses.replace(
        default_params,
        data=dataclasses.replace(default_params.data, image_size=96, load_size=100),
    )
    assert idle_keys_caution(_with_space(default_params, dropout)) is None
    caution = idle_keys_caution(_with_space(at_96, dropout))
    assert caution is not None
    assert "model.dropout has no effect in any trial: a generator of depth 5" in caution
    check_space(_with_space(at_96, dropout))  # a training alone may go on
    assert idle_keys_caution(_with_space(at_96, _choice("train.beta1", 0.5, 0.9))) is None
    layouts = _choice("model.dropout_layout", "pytorch", "torch")
    assert idle_keys_caution(_with_space(at_96, dropout, layouts)) is None
    at_128 = _with_space(default_params, dropout, _choice("model.depth", 4, 5))
    assert idle_keys_caution(at_128) is not None
    assert (
        idle_keys_caution(_with_space(default_params, dropout, _choice("model.depth", 4, 6)))
        is None
    )


@pytest.mark.parametrize(
    ("drawn", "read"),
    [(0.00123456, 0.0012346), (0.000123454, 0.000123454), (0.00987657, 0.00987657)],
    ids=["inside", "low", "high"],
)
def test_a_number_is_rounded_and_stays_in_its_range(
    default_params: Params, drawn: float, read: float
) -> None:
    """Five digits of either end lie outside of it."""
    rate = {"key": "train.learning_rate", "kind": "loguniform"}
    space = _with_space(default_params, rate | {"low": 0.000123454, "high": 0.00987657}).tune.space
    assert readable_values({"train.learning_rate": drawn}, space) == {"train.learning_rate": read}


def test_quantised_values_are_those_that_a_person_would_write(default_params: Params) -> None:
    steps = {"key": "model.dropout", "kind": "quantised", "low": 0.0, "high": 0.5, "step": 0.1}
    whole = {"key": "model.base_channels", "kind": "quantised", "low": 8, "high": 32, "step": 8}
    space = _with_space(default_params, steps, whole).tune.space
    values = readable_values(
        {"model.dropout": 0.30000000000000004, "model.base_channels": 24}, space
    )
    assert values == {"model.dropout": 0.3, "model.base_channels": 24}
    assert isinstance(values["model.base_channels"], int)
