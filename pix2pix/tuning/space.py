"""The space of a search: its check before the first trial, and the parameters of a trial."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, assert_never

from pix2pix.config import (
    EXECUTION_KEYS,
    Choice,
    Dimension,
    LogUniform,
    Params,
    Quantised,
    Uniform,
    Value,
    dropout_levels,
    parse_params,
)
from pix2pix.errors import UserError

_FIXED_SECTIONS = {
    "data": "data/prepared stays the same during a study: change it in params.yaml",
    "tune": "it describes the study itself",
    "evaluate": "it scores the test split, which a study never reads",
    "register": "it names the experiment and the model in MLflow",
}
_BUDGET = "tune.num_epochs sets how long every trial is"
_PICTURE = "it changes sample images, not results"
_FIXED_TRAIN_KEYS = {
    "deterministic": "it changes rounding, and with it no result that a study could compare",
    "seed": "gains are compared with the differences between seeds (tune.num_seeds)",
    "num_epochs": _BUDGET,
    "num_decay_epochs": _BUDGET,
    "best_from_epoch": _BUDGET,
    "early_stopping_epochs": "tune.scheduler decides which trials stop early",
    "sample_every_epochs": _PICTURE,
    "num_samples": _PICTURE,
    "init_from": "set it in params.yaml: all trials start from the same networks",
    "init_networks": "set it in params.yaml: all trials start from the same networks",
}
_GENERATOR_SHAPE = {"model.base_channels", "model.depth", "model.norm", "model.upsample"}
_DISCRIMINATOR_SHAPE = {"model.discriminator_channels", "model.discriminator_layers"}


def check_space(params: Params) -> None:
    """Raise UserError naming each key of `tune.space` that is unknown, fixed or out of range."""
    problems = [
        text for dimension in params.tune.space if (text := _reason_not_to_vary(params, dimension))
    ]
    if not problems:
        problems = [*_rejected_values(params)]
    if problems:
        raise UserError("\n  ".join(["tune.space cannot be searched", *problems]))


def idle_keys_caution(params: Params) -> str | None:
    """Return a sentence if `tune.space` varies a key that no trial uses, else None."""
    values = {each.key: _extreme_values(each) for each in params.tune.space}
    depths = values.get("model.depth", (params.model.depth,))
    layouts = values.get("model.dropout_layout", (params.model.dropout_layout,))
    trials = [
        trial_params(params, {"model.depth": depth, "model.dropout_layout": layout})
        for depth, layout in product(depths, layouts)
    ]
    if "model.dropout" in values and not any(
        dropout_levels(trial.model.dropout_layout, trial.depth) for trial in trials
    ):
        return (
            "tune.space: model.dropout has no effect in any trial: a generator of depth "
            f"{max(trial.depth for trial in trials)} has no level with dropout in the layout "
            "pytorch. Remove model.dropout from tune.space, or set model.dropout_layout: torch"
        )
    return None


def trial_params(params: Params, values: Mapping[str, Value], *, seed: int | None = None) -> Params:
    """Return the parameters of a trial: `values` by dotted key, and the study's epochs and workers.

    `seed` replaces train.seed. Raises UserError naming a value that is refused.
    """
    mapping: dict[str, Any] = dataclasses.asdict(params)
    for key, value in values.items():
        section, name = key.split(".")
        mapping[section][name] = value
    mapping["train"] |= _budget(params) | ({} if seed is None else {"seed": seed})
    return parse_params(mapping)


def readable_values(values: Mapping[str, Value], space: Sequence[Dimension]) -> dict[str, Value]:
    """Return the values in the order of `space`, numbers of a range with five significant digits.

    Five digits are exact enough for a search, and a person can read and copy them. A number
    outside its range becomes the nearest end of the range. A quantised one becomes the nearest of
    its `grid`: Optuna adds up the steps, to 0.30000000000000004.
    """
    return {each.key: _readable(each, values[each.key]) for each in space}


def _readable(dimension: Dimension, value: Value) -> Value:
    if isinstance(dimension, Choice):
        return value
    assert isinstance(value, int | float)
    if isinstance(dimension, Quantised):
        return min(_numbers(dimension), key=lambda each: abs(each - value))
    return min(max(float(f"{value:.5g}"), dimension.low), dimension.high)


def grid(dimension: Quantised | Choice) -> tuple[Value, ...]:
    """Return all values of a dimension that has finitely many, in order."""
    return dimension.values if isinstance(dimension, Choice) else _numbers(dimension)


def _numbers(dimension: Quantised) -> tuple[int | float, ...]:
    count = round((dimension.high - dimension.low) / dimension.step) + 1
    values = [dimension.low + index * dimension.step for index in range(count)]
    return tuple(values if dimension.is_whole else [float(f"{value:.10g}") for value in values])


def default_values(params: Params) -> dict[str, Value]:
    """Return the values in params.yaml of the keys that vary."""
    mapping: dict[str, Any] = dataclasses.asdict(params)
    parts = {dimension.key: dimension.key.split(".") for dimension in params.tune.space}
    return {key: mapping[section][name] for key, (section, name) in parts.items()}


def largest_batch(params: Params) -> int:
    """Return the highest train.batch_size that params.yaml or a trial has."""
    sizes = [params.train.batch_size]
    for dimension in params.tune.space:
        if dimension.key == "train.batch_size":
            sizes += [each for each in _extreme_values(dimension) if isinstance(each, int)]
    return max(sizes)


def total_epochs(params: Params) -> int:
    """Return the number of epochs of a trial that is not stopped."""
    return params.tune.num_epochs or params.train.total_epochs


def first_kept_epoch(params: Params) -> int:
    """Return the first epoch whose dev L1 counts for a trial.

    A trial leaves out the same share of young epochs as a training does, rounded down.
    """
    num_left_out = params.train.best_from_epoch - 1
    return num_left_out * total_epochs(params) // params.train.total_epochs + 1


def _budget(params: Params) -> dict[str, Any]:
    train, tune = params.train, params.tune
    num_epochs, num_decay_epochs = train.num_epochs, train.num_decay_epochs
    if tune.num_epochs is not None:
        num_epochs, num_decay_epochs = tune.num_epochs, 0
    return {
        "num_epochs": num_epochs,
        "num_decay_epochs": num_decay_epochs,
        "best_from_epoch": first_kept_epoch(params),
        "early_stopping_epochs": None,
        "sample_every_epochs": total_epochs(params),
        "checkpoint_every_epochs": 1,
        "checkpoint_every_steps": None,
        "keep_best_checkpoints": 0,
        "num_workers": tune.num_workers,
        "cpus_per_worker": tune.cpus_per_worker,
        "device": "gpu" if tune.gpus_per_worker else "cpu",
    }


def _reason_not_to_vary(params: Params, dimension: Dimension) -> str | None:
    """Return why the key of this dimension may not vary; None if it may."""
    section, _, name = dimension.key.partition(".")
    if section in _FIXED_SECTIONS:
        return f"{dimension.key} cannot change from trial to trial: {_FIXED_SECTIONS[section]}"
    mapping: dict[str, Any] = dataclasses.asdict(params)
    if section not in mapping or name not in mapping[section]:
        known = sorted(mapping.get(section, {})) or ["augment", "model", "train"]
        return f"{dimension.key} is no key of params.yaml; there are {', '.join(known)}"
    if section == "model" and params.tune.scheduler == "pbt":
        return (
            f"{dimension.key} cannot vary with scheduler: pbt: trials copy the networks of others"
        )
    if dimension.key in _shape_keys(params):
        return (
            f"{dimension.key} cannot vary with train.init_from: it gives the networks other shapes "
            "than their parent has"
        )
    if section == "train" and name in EXECUTION_KEYS:
        return f"{dimension.key} cannot vary: it says where a training runs, not what it computes"
    if section == "train" and name in _FIXED_TRAIN_KEYS:
        return f"{dimension.key} cannot vary: {_FIXED_TRAIN_KEYS[name]}"
    return None


def _shape_keys(params: Params) -> set[str]:
    """Return the keys whose values the parent of the trials fixes."""
    if params.train.init_from is None:
        return set()
    return _GENERATOR_SHAPE | (
        _DISCRIMINATOR_SHAPE if params.train.init_networks == "both" else set()
    )


def _rejected_values(params: Params) -> Iterator[str]:
    """Yield why the extreme values of a dimension, or of two dimensions together, are invalid.

    No rule of the parameters concerns more than two keys that may vary.
    """
    is_rejected = False
    for dimension in params.tune.space:
        for value in _extreme_values(dimension):
            reason = _rejection_reason(params, {dimension.key: value})
            is_rejected |= reason is not None
            if reason is not None:
                yield f"{dimension.key} = {value!r}: {reason}"
    for one, two in [] if is_rejected else combinations(params.tune.space, 2):
        for first, second in product(_extreme_values(one), _extreme_values(two)):
            reason = _rejection_reason(params, {one.key: first, two.key: second})
            if reason is not None:
                yield f"{one.key} = {first!r} with {two.key} = {second!r}: {reason}"


def _rejection_reason(params: Params, values: Mapping[str, Value]) -> str | None:
    try:
        trial_params(params, values)
    except UserError as error:
        return " ".join(str(error).split()).removeprefix("1 wrong parameter ")
    return None


def _extreme_values(dimension: Dimension) -> tuple[Value, ...]:
    match dimension:
        case Choice():
            return dimension.values
        case Quantised():
            return (dimension.low, dimension.high)
        case Uniform() | LogUniform():
            return (float(dimension.low), float(dimension.high))
        case _:
            assert_never(dimension)
