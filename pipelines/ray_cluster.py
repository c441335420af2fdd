"""Which Ray cluster to use, and what a training may ask of it."""

import logging
import math
import os
from dataclasses import dataclass

import ray

from pix2pix.config import TrainConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placement:
    """What each worker of a training gets."""

    num_workers: int
    cpus_per_worker: int
    use_gpu: bool


def connect() -> None:
    """Join the cluster that `RAY_ADDRESS` names, or start Ray on this machine. Idempotent."""
    if ray.is_initialized():
        return
    # A local start needs neither the dashboard nor its port. Workers speak through ray_console.
    ray.init(
        include_dashboard=None if os.environ.get("RAY_ADDRESS") else False, log_to_driver=False
    )


def place(config: TrainConfig) -> Placement:
    """What the workers get on the connected cluster.

    Raises ValueError, in place of Ray's endless wait, if the cluster is too small as it is now.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    placement = choose_placement(config, nodes)
    logger.info(
        "training on %d worker(s) with %d CPU(s)%s each",
        placement.num_workers,
        placement.cpus_per_worker,
        " and a GPU" if placement.use_gpu else "",
    )
    return placement


def choose_placement(config: TrainConfig, nodes: list[dict[str, float]]) -> Placement:
    """Fit the workers on `nodes`, each given as its resources by name (CPU, GPU).

    Raises ValueError if they do not fit.
    """
    num_workers = config.num_workers
    if config.device != "cpu":
        with_gpus = _fit(config, [node for node in nodes if node.get("GPU", 0) >= 1], use_gpu=True)
        if with_gpus is not None:
            return with_gpus
    without = None if config.device == "gpu" else _fit(config, nodes, use_gpu=False)
    if without is not None:
        return without
    each = f"{config.cpus_per_worker or 1} CPUs{' and a GPU' if config.device == 'gpu' else ''}"
    held = "; ".join(f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs" for node in nodes)
    raise ValueError(
        f"train.num_workers: {num_workers} with {each} each does not fit on the {len(nodes)} "
        f"node(s) that Ray sees ({held or 'none'}). Lower train.num_workers or "
        "train.cpus_per_worker, change train.device, or name a larger cluster in RAY_ADDRESS"
    )


def _fit(config: TrainConfig, nodes: list[dict[str, float]], *, use_gpu: bool) -> Placement | None:
    """The placement on these nodes, or None if there is not room for all workers."""
    hosts = [node for node in nodes if node.get("CPU", 0) >= 1]
    if not hosts:
        return None
    cpus = config.cpus_per_worker or _share_of_node(hosts, config.num_workers)
    places = 0
    for node in hosts:
        on_node = int(node["CPU"]) // cpus
        places += min(on_node, int(node["GPU"])) if use_gpu else on_node
    return Placement(config.num_workers, cpus, use_gpu) if places >= config.num_workers else None


def _share_of_node(hosts: list[dict[str, float]], num_workers: int) -> int:
    """CPUs of the smallest node divided among the workers that land on it."""
    workers_per_node = math.ceil(num_workers / len(hosts))
    return max(1, int(min(node["CPU"] for node in hosts)) // workers_per_node)
