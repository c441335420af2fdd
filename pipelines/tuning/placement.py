"""What each trial gets of the Ray cluster, and how many trials run at the same time."""

import logging
from dataclasses import dataclass

from pipelines.cluster.placement import fits_nowhere, node_resources
from pix2pix.config import TuneConfig
from pix2pix.plural import counted

_MEMORY_BYTES = 2**20  # Ray wants each trial to ask for something

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrialPlacement:
    """What each trial asks Ray for, and how many trials there is room for at a time."""

    resources: dict[str, float]  # of the trial's own process
    num_concurrent: int


def place_trials(config: TuneConfig) -> TrialPlacement:
    """Return the placement of trials on the connected cluster.

    Raises UserError, in place of Ray's endless wait, if not even one trial fits.
    """
    placement = choose_trial_placement(config, node_resources())
    logger.info(
        "%s at a time, each of %s with %s%s",
        counted(placement.num_concurrent, "trial"),
        counted(config.num_workers, "worker"),
        counted(config.cpus_per_worker, "CPU"),
        f" and {counted(config.gpus_per_worker, 'GPU')}" if config.gpus_per_worker else "",
    )
    return placement


def choose_trial_placement(config: TuneConfig, nodes: list[dict[str, float]]) -> TrialPlacement:
    """Fit trials on `nodes`, each given as its resources by name (CPU, GPU).

    Trials of several workers never run more at a time than there is room for all their workers:
    each trial waits until it has all of them, so that two trials with half of theirs would wait
    for ever. Such a trial's own process needs no CPU; its workers ask for theirs.

    Raises UserError if not even one trial fits.
    """
    num_trials = sum(_num_workers_on(config, node) for node in nodes) // config.num_workers
    if num_trials == 0:
        each = (
            f"{counted(config.cpus_per_worker, 'CPU')} and {counted(config.gpus_per_worker, 'GPU')}"
        )
        raise fits_nowhere(
            f"tune.num_workers: {config.num_workers} with {each} each",
            nodes,
            remedy="Lower tune.num_workers, tune.cpus_per_worker or tune.gpus_per_worker",
        )
    num_concurrent = min(num_trials, config.max_concurrent_trials or num_trials)
    if config.num_workers > 1:
        return TrialPlacement({"memory": _MEMORY_BYTES}, num_concurrent)
    resources = {"cpu": config.cpus_per_worker, "gpu": config.gpus_per_worker}
    return TrialPlacement(resources, num_concurrent)


def _num_workers_on(config: TuneConfig, node: dict[str, float]) -> int:
    count = int(node.get("CPU", 0)) // config.cpus_per_worker
    if config.gpus_per_worker:
        # The rest of one GPU and the rest of another do not add up: a worker computes on one GPU.
        count = min(count, int(node.get("GPU", 0)) * int(1 / config.gpus_per_worker + 1e-9))
    return count
