"""From measurements to the model's numbers, and what it then predicts of other measurements."""

import math
from dataclasses import dataclass
from statistics import linear_regression, mean, median

from benchmarks.costs import Networks, count_networks
from benchmarks.results import Exchange, Measured
from benchmarks.step_time import Cluster, Device, Recipe, step_time
from benchmarks.workload import preset

# In the version that was measured, each step waited for two exchanges: is D's loss finite, is G's?
_SMALL_ALL_REDUCES = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """A step of several workers, in seconds: from one worker and idle sums, and as measured."""

    preset: str
    num_workers: int
    batch: int
    alone_s: float  # one worker, measured
    local_s: float  # all workers at once, gradients not exchanged, measured
    step_s: float  # measured
    hidden_s: float  # predicted, the exchange hidden as far as the backward pass allows
    unhidden_s: float  # predicted, nothing hidden
    exchange_s: float  # predicted, of the exchange alone


def predictions(measured: Measured) -> list[Prediction]:
    """Each measured step of several workers beside the model's."""
    found = []
    networks = {step.preset: count_networks(preset(step.preset)) for step in measured.steps}
    for step in measured.steps:
        if step.num_workers == 1 or step.exchange != "float32":
            continue
        device = fitted_device(measured, step.preset, networks[step.preset])
        cluster = fitted_cluster(measured, step.num_workers)
        hidden, unhidden = (
            step_time(
                networks[step.preset],
                device,
                cluster,
                Recipe(batch=step.batch, small_all_reduces=_SMALL_ALL_REDUCES, overlaps=overlaps),
            )
            for overlaps in (True, False)
        )
        found.append(
            Prediction(
                preset=step.preset,
                num_workers=step.num_workers,
                batch=step.batch,
                alone_s=step_s(measured, step.preset, 1, step.batch, "none"),
                local_s=step_s(measured, step.preset, step.num_workers, step.batch, "none"),
                step_s=median(step.step_s),
                hidden_s=hidden.total_s,
                unhidden_s=unhidden.total_s,
                exchange_s=unhidden.exchange_s,
            )
        )
    return found


def step_s(
    measured: Measured, preset_name: str, num_workers: int, batch: int, exchange: Exchange
) -> float:
    """The median of one kind of step."""
    (found,) = (
        step.step_s
        for step in measured.steps
        if (step.preset, step.num_workers, step.batch, step.exchange)
        == (preset_name, num_workers, batch, exchange)
    )
    return median(found)


def fitted_device(measured: Measured, preset_name: str, networks: Networks) -> Device:
    """One worker's speed from its steps alone: a line over the batch size.

    Its slope is the computation; what a step costs beside it is booked on the updates.
    """
    steps = [s for s in measured.steps if s.preset == preset_name and s.num_workers == 1]
    slope, fixed_s = linear_regression([s.batch for s in steps], [median(s.step_s) for s in steps])
    return Device(
        flops_per_s=networks.step_flops / slope,
        layer_s=0.0,
        # A noisy smoke run can put the line below zero.
        optimizer_bytes_per_s=networks.optimizer_bytes / fixed_s if fixed_s > 0 else math.inf,
    )


def fitted_cluster(measured: Measured, num_workers: int) -> Cluster:
    """Workers as nodes of one GPU each; latency from the smallest sum, bandwidth from the rest."""
    sums = {
        s.num_bytes: mean(s.seconds) for s in measured.all_reduces if s.num_workers == num_workers
    }
    smallest = min(sums)
    large = sorted(set(sums) - {smallest})
    s_per_byte, _ = linear_regression(
        large, [sums[size] - sums[smallest] for size in large], proportional=True
    )
    return Cluster(
        num_gpus=num_workers,
        gpus_per_node=1,
        node_bytes_per_s=math.inf,
        network_bytes_per_s=2 * (num_workers - 1) / num_workers / s_per_byte,
        node_latency_s=0.0,
        network_latency_s=sums[smallest] / (2 * math.ceil(math.log2(num_workers))),
    )
