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
    num_gpus = int(sum(node.get("GPU", 0) for node in nodes))
    if config.device == "gpu" and num_gpus < config.num_workers:
        raise ValueError(
            f"train.device: gpu with train.num_workers: {config.num_workers} needs as many GPUs, "
            f"Ray sees {num_gpus}; use fewer workers or device: cpu"
        )
    use_gpu = config.device != "cpu" and num_gpus >= config.num_workers
    cpus = config.cpus_per_worker or _share_of_node(nodes, config.num_workers)
    places = sum(int(node.get("CPU", 0)) // cpus for node in nodes)
    if places < config.num_workers:
        raise ValueError(
            f"train.num_workers: {config.num_workers} with {cpus} CPUs each does not fit: "
            f"Ray sees {len(nodes)} node(s) with "
            f"{', '.join(str(int(node.get('CPU', 0))) for node in nodes)} CPUs. Lower "
            "train.num_workers or train.cpus_per_worker, or name a larger cluster in RAY_ADDRESS"
        )
    logger.info(
        "training on %d worker(s) with %d CPU(s)%s each",
        config.num_workers,
        cpus,
        " and a GPU" if use_gpu else "",
    )
    return Placement(config.num_workers, cpus, use_gpu)


def _share_of_node(nodes: list[dict[str, float]], num_workers: int) -> int:
    """CPUs of the smallest node divided among the workers that land on it."""
    workers_per_node = math.ceil(num_workers / len(nodes))
    smallest = min(int(node.get("CPU", 0)) for node in nodes)
    return max(1, smallest // workers_per_node)
