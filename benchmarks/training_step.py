"""Rows of the training step: ours beside the published recipe, at 256 px and the published sizes.

    python -m benchmarks.bench training_step

Imports nothing but the library, so that it runs on a GPU machine that has only torch. A GPU also
gets a row for each single choice of the table in `pix2pix.training.computing`, held to the step
without any of them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from benchmarks.ceilings import seconds
from benchmarks.costs import Networks, count_networks
from benchmarks.published import new_training
from benchmarks.rows import Ceilings, Row
from pix2pix.config import Params, TrainConfig, load_params
from pix2pix.models import network_configs
from pix2pix.training import TrainState, new_state
from pix2pix.training.computing import choose, to_memory_layout
from pix2pix.training.deterministic import deterministic_kernels
from pix2pix.training.hardware import hardware_of
from pix2pix.training.late_check import Before, LateCheck
from pix2pix.training.replay import step_maker
from pix2pix.valid_pixels import Pairs

TOPIC = "training step"
_COMMAND = "python -m benchmarks.bench training_step"
_DEFAULT_PRESET = Path(__file__).resolve().parent.parent / "params" / "default.yaml"

_BATCHES = {"cpu": (1, 4), "cuda": (1, 16, 64)}
_REPEATS = {"cpu": 3, "cuda": 9}
_STEPS = {"cpu": 1, "cuda": 20}  # that one repeat times, one after the other
_WARM_UP_STEPS = {"cpu": 1, "cuda": 6}  # a CUDA graph is recorded in the fourth

# Before the first measurement, by device and batch: of the ratio to the published recipe.
PREDICTED = {
    ("cpu", 1): "1.08x: one pass of the generator for both updates, fused Adam",
    ("cpu", 4): "1.07x",
    ("cuda", 1): "6x: a graph starts at once what the host starts in 12 ms; computing takes 2 ms",
    ("cuda", 16): "3.5x: half the bytes, matrix units at twice the rate of TF32",
    ("cuda", 64): "3x, 35 % of the bfloat16 product: norms and concatenations are bound by memory",
}


def published_params() -> Params:
    """The default parameters with the published sizes at 256 px; all choices left to hardware."""
    params = load_params(_DEFAULT_PRESET)
    return replace(
        params,
        data=replace(params.data, image_size=256, load_size=286),
        model=replace(
            params.model, base_channels=64, discriminator_channels=64, depth=8, norm="batch"
        ),
        train=replace(params.train, precision="auto", channels_last="auto", compile="auto"),
    )


def measured_rows(ceilings: Ceilings) -> list[Row]:
    """The steps on the device of the ceilings."""
    params, device = published_params(), torch.device(ceilings.device)
    networks = count_networks(params)
    rows: list[Row] = []
    for batch in _BATCHES[device.type]:
        rows += _rows(params, networks, device, batch=batch, ceilings=ceilings)
    return rows


def _rows(
    params: Params, networks: Networks, device: torch.device, *, batch: int, ceilings: Ceilings
) -> list[Row]:
    base = replace(params.train, batch_size=batch)
    configs = {"auto": _resolved(base, device)}
    if device.type == "cuda":
        configs |= _single_choices(base, device)
    source = torch.rand(batch, 3, 256, 256, device=device) * 2 - 1
    steps: dict[str, Callable[[], object]] = {
        name: _our_step(params, config, source, device) for name, config in configs.items()
    }
    steps["published"] = partial(new_training(device).step, source, -source)
    times = _alternating(steps, device)
    plain = batch / times["published"]
    return [
        Row(
            topic=TOPIC,
            name=f"256 px, batch {batch}, {_named(name, config)}",
            value=batch / times[name],
            unit="images/s",
            command=_COMMAND,
            plain=plain,
            plain_is="published recipe, float32, one kernel after another",
            limit=_limit(networks, config, batch=batch, ceilings=ceilings),
            limit_is=f"{config.precision} products, and memory for Adam",
            predicted=PREDICTED[device.type, batch] if name == "auto" else "",
        )
        for name, config in configs.items()
    ]


def _resolved(config: TrainConfig, device: torch.device) -> TrainConfig:
    computing = choose(config, hardware_of(device))
    return replace(
        config,
        precision=computing.precision,
        channels_last=computing.channels_last,
        compile=computing.compile,
    )


def _single_choices(config: TrainConfig, device: torch.device) -> dict[str, TrainConfig]:
    """None of the choices, single ones, and those of `auto` with a CUDA graph."""
    none = replace(config, precision="float32", channels_last=False, compile=False)
    best = _resolved(config, device)
    return {
        "none": none,
        "graph": replace(none, compile=True),
        "precision": replace(none, precision=best.precision),
        "layout": replace(none, precision=best.precision, channels_last=best.channels_last),
        "all": replace(best, compile=True),
        "deterministic": replace(best, deterministic=True),
    }


def _named(name: str, config: TrainConfig) -> str:
    layout = "channels last" if config.channels_last else "channels first"
    graph = "CUDA graph" if config.compile else "no graph"
    kernels = ", deterministic kernels" if config.deterministic else ""
    text = f"{config.precision}, {layout}, {graph}{kernels}"
    return f"auto ({text})" if name == "auto" else text


def _our_step(
    params: Params, config: TrainConfig, source: Tensor, device: torch.device
) -> Callable[[], object]:
    """A step as the training loop makes it, with the late check of the step before."""
    state: TrainState = new_state(
        *network_configs(params), config=config, wrap=lambda network: network.to(device)
    )
    make_step, check = step_maker(state, config), LateCheck(state)
    pairs = Pairs(*(to_memory_layout(images, config) for images in (source, -source)))

    def step() -> None:
        with deterministic_kernels(wanted=config.deterministic):
            before = Before.of(state)
            check.add(before, pairs, make_step(*pairs).report)

    return step


def _alternating(steps: dict[str, Callable[[], object]], device: torch.device) -> dict[str, float]:
    """Median seconds of each step; the steps take turns, so that all meet the same load."""
    found: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        seconds(step, device, repeats=_WARM_UP_STEPS[device.type])
    for _ in range(_REPEATS[device.type]):
        for name, step in steps.items():
            found[name].append(seconds(step, device, repeats=_STEPS[device.type]))
    return {name: median(times) for name, times in found.items()}


def _limit(networks: Networks, config: TrainConfig, *, batch: int, ceilings: Ceilings) -> float:
    """Images per second if only products of matrices and Adam's memory took time."""
    # Convolutions of float32 use TF32 where there are units for it: that is torch's default.
    names = ("bfloat16",) if config.precision == "bfloat16" else ("tf32", "float32")
    product = next(ceilings.flops_per_s[each] for each in names if each in ceilings.flops_per_s)
    step_s = batch * networks.step_flops / product
    step_s += networks.optimizer_bytes / ceilings.memory_bytes_per_s
    return batch / step_s
