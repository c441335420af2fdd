"""The name of a training's run in MLflow: its data set, and what differs from a preset.

For example `facades-drawn lr 3e-4 seed 2` is a training of the default parameters, but for the
learning rate and the seed.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.repository.presets import DEFAULT, TASKS
from pix2pix.config import EXECUTION_KEYS

_MAX_CHARACTERS = 60  # of the differences; what does not fit is counted, as in `+3`

_SEED = "train.seed"
_EPOCHS = "train.epochs"  # stands for num_epochs and num_decay_epochs
# What may be named, in this order, and as what if not by the last part of the key.
_SHORT_WORDS = {
    "train.init_from": "from",
    "train.learning_rate": "lr",
    "train.lambda_l1": "lambda",
    "train.lambda_adversarial": "adversarial",
    "train.batch_size": "batch",
    _EPOCHS: "epochs",
    "model.base_channels": "channels",
    "data.image_size": "size",
    "data.direction": "",  # AtoB and BtoA say enough
}
# The name of the data set stands for what else the section `data` says.
_DATA_KEYS = (
    "image_size",
    "direction",
    "resize",
    "load_size",
    "resize_kernel",
    "crops_per_pair",
    "split_seed",
)
_SAMPLE_KEYS = ("sample_every_epochs", "num_samples")


def run_name(params: Mapping[str, Any], presets: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the name of a training's run; all parameters are sections as nested mappings.

    The parameters are compared with those of the preset from which the fewest of them differ. Its
    name is part of the result, unless it is the default or the name of the data set contains it.
    The preset of a task is one of these only if the data set has its name, as `pix2pix use` gives
    it: some differ from the default in the epochs alone, and would name a task that nobody chose.
    """
    words = [str(params["data"]["name"])]
    near = {
        name: _distance(params, preset)
        for name, preset in presets.items()
        if not name.startswith(TASKS) or name.removeprefix(TASKS) in words[0]
    }
    if near:
        preset = min(near, key=lambda name: (near[name], name != DEFAULT))
        if preset != DEFAULT and preset.removeprefix(TASKS) not in words[0]:
            words.append(preset)
        words += _differences(_named(params), _named(presets[preset]))
    return " ".join(words)


def phrase(key: str, value: Any) -> str:
    """Return a parameter in the words of names, such as `lr 3e-4`."""
    word = _SHORT_WORDS.get(key, key.rpartition(".")[2].replace("_", " "))
    if key == "train.init_from" and value is not None:
        value = _model_text(str(value))
    return f"{word} {_text(value)}".strip()


def _distance(params: Mapping[str, Any], preset: Mapping[str, Any]) -> int:
    own, other = _named(params), _named(preset)
    return sum(own[key] != other.get(key) for key in own)


def _differences(own: Mapping[str, Any], preset: Mapping[str, Any]) -> list[str]:
    """Return a phrase for each parameter that differs, as many as have room; the seed is last."""
    differing = [key for key in own if own[key] != preset.get(key)]
    phrases = [phrase(key, own[key]) for key in differing if key != _SEED]
    shown: list[str] = []
    for words in phrases:
        if len(" ".join([*shown, words])) > _MAX_CHARACTERS:
            break
        shown.append(words)
    left_out = len(phrases) - len(shown)
    seed = [phrase(_SEED, own[_SEED])] if _SEED in differing else []
    return [*shown, *([f"+{left_out}"] if left_out else []), *seed]


def _named(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a name may contain, by dotted key, in the order of a name."""
    data, train = params["data"], params["train"]
    values = {
        **{f"data.{key}": data[key] for key in _DATA_KEYS},
        **{
            f"train.{key}": value
            for key, value in train.items()
            if key not in (*EXECUTION_KEYS, *_SAMPLE_KEYS, "num_epochs", "num_decay_epochs")
        },
        _EPOCHS: f"{train['num_epochs']}+{train['num_decay_epochs']}",
        **{
            f"{section}.{key}": value
            for section in ("model", "augment")
            for key, value in params[section].items()
        },
    }
    return {key: values[key] for key in (*_SHORT_WORDS, *values)}


def _model_text(reference: str) -> str:
    """Return the last two parts of a model's path, such as `pix2pix-maps/3` of a version."""
    last = "/".join(reference.removeprefix("models:/").split("/")[-2:])
    return last[-_MAX_CHARACTERS:].replace("'", "")


def _text(value: Any) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return _number_text(value)
        case list() | tuple():  # height and width
            return "x".join(map(str, value))
        case _:
            return "none" if value is None else str(value)


def _number_text(value: float) -> str:
    """Return a number as people write it: 3e-4, 0.5, 100."""
    if value and abs(value) < 0.01:
        return np.format_float_scientific(value, precision=3, trim="-", exp_digits=1)
    return f"{value:g}"
