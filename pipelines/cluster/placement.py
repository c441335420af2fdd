"""Which Ray cluster is used, and which resources a training gets there."""

import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import ray

import pipelines
import pix2pix
from pipelines.cluster.address import named_cluster, reach
from pipelines.cluster.start import keep_sigterm_handler, start_ray
from pix2pix.config import TrainConfig
from pix2pix.errors import UserError
from pix2pix.plural import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placement:
    """The lowest and the highest number of workers of a training, and the resources of each."""

    min_workers: int
    max_workers: int
    cpus_per_worker: int
    use_gpu: bool


# Ray protects a cluster that it starts by a token, and warns that this may not be wanted. It is
# wanted here. RAY_AUTH_MODE would end the warning, but it would also demand a token of clusters
# that have none.
logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)


def connect(address: str | None) -> None:
    """Join the cluster at `address` or `RAY_ADDRESS`, or start Ray on this machine.

    If this process is connected already, nothing is done. Raises ConnectionError if the cluster
    does not answer or Ray does not start here, UserError for a Ray client's address and for what is
    no address.
    """
    if ray.is_initialized():
        return
    address = address or named_cluster()
    if address is not None and address.startswith("ray://"):
        raise UserError(
            f"{address}: Ray Train does not work through the Ray client. Give the address of the "
            "cluster itself (<host>:6379) on one of its nodes, or use `ray job submit`"
        )
    with keep_sigterm_handler():
        if address is None:
            start_ray()
        else:
            _join(address)


def _join(address: str) -> None:
    try:
        reach(address)
        # Ray lets workers look for modules in this process's current folder first. A node that has
        # the project at the same path may have another commit of it: that must not be found.
        with chdir("/"):
            ray.init(address=address, log_to_driver=False, runtime_env=_own_code())
    except ValueError as error:
        if "runtime env" in str(error):
            raise UserError(
                "the job of Ray that this command is (RAY_JOB_CONFIG_JSON_ENV_VAR, from `ray job "
                f"submit`) has parts of a runtime environment that the project sets itself: {error}"
                f"\nLeave {' and '.join(_own_code())} out of the job's, or set "
                "RAY_OVERRIDE_JOB_RUNTIME_ENV=1, and the project's count"
            ) from None
        raise UserError(
            f"{address!r} (RAY_ADDRESS or train.ray_address) is no address of a Ray cluster such "
            f"as 10.0.0.1:6379: {error}"
        ) from None


def _own_code() -> dict[str, list[str]]:
    """What every node gets of this one, in Ray's words: another commit may be installed there.

    By paths: in a job, Ray copies this description, which it cannot do with modules.
    """
    modules = [Path(pix2pix.__path__[0]), Path(pipelines.__path__[0])]
    return {"py_modules": [str(module) for module in modules], "excludes": ["**/__pycache__/"]}


def node_resources() -> list[dict[str, float]]:
    """Return the resources by name (CPU, GPU) of each node of the connected cluster."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def fits_nowhere(what: str, nodes: Sequence[Mapping[str, float]], *, remedy: str) -> UserError:
    """Return the error about workers (`what`) for which the nodes have too little."""
    seen = "; ".join(
        ", ".join(counted(node.get(name, 0), name) for name in ("CPU", "GPU")) for node in nodes
    )
    return UserError(
        f"{what} does not fit on the {counted(len(nodes), 'node')} that Ray sees "
        f"({seen or 'none'}). "
        f"{remedy}, or name a larger cluster in RAY_ADDRESS"
    )


def find_placement(config: TrainConfig) -> Placement:
    """Return the placement of the workers on the connected cluster.

    What others use at present counts as free: Ray waits for it. Raises UserError if the cluster is
    too small, for which Ray would wait as well.
    """
    placement = choose_placement(config, node_resources())
    logger.info(
        "training on %s%s with %s%s each",
        "" if placement.min_workers == placement.max_workers else f"{placement.min_workers} to ",
        counted(placement.max_workers, "worker"),
        counted(placement.cpus_per_worker, "CPU"),
        " and a GPU" if placement.use_gpu else "",
    )
    return placement


def choose_placement(config: TrainConfig, nodes: list[dict[str, float]]) -> Placement:
    """Return the placement of the workers on `nodes`, given as resources by name (CPU, GPU).

    Raises UserError if the fewest that `config` allows do not fit.
    """
    if config.device != "cpu":
        on_gpus = _fit(config, [node for node in nodes if node.get("GPU", 0) >= 1], use_gpu=True)
        if on_gpus is not None:
            return on_gpus
    on_cpus = None if config.device == "gpu" else _fit(config, nodes, use_gpu=False)
    if on_cpus is not None:
        return on_cpus
    gpu = " and a GPU" if config.device == "gpu" else ""
    each = f"{counted(config.cpus_per_worker or 1, 'CPU')}{gpu}"
    raise fits_nowhere(
        f"train.num_workers: {config.min_workers} with {each} each",
        nodes,
        remedy="Lower train.num_workers or train.cpus_per_worker, change train.device",
    )


def _fit(config: TrainConfig, nodes: list[dict[str, float]], *, use_gpu: bool) -> Placement | None:
    """Return the placement on these nodes, or None if the fewest workers do not fit."""
    hosts = [node for node in nodes if node.get("CPU", 0) >= 1]
    if not hosts:
        return None
    cpus = config.cpus_per_worker or _share_of_node(hosts, config.max_workers, use_gpu=use_gpu)
    num_workers = 0
    for node in hosts:
        on_node = int(node["CPU"]) // cpus
        num_workers += min(on_node, int(node["GPU"])) if use_gpu else on_node
    if num_workers < config.min_workers:
        return None
    return Placement(config.min_workers, config.max_workers, cpus, use_gpu)


def _share_of_node(hosts: list[dict[str, float]], num_workers: int, *, use_gpu: bool) -> int:
    """Return the CPUs of each worker if each node is divided equally among its workers."""
    workers_per_node = math.ceil(num_workers / len(hosts))
    return max(
        1,
        min(
            int(node["CPU"])
            // (min(workers_per_node, int(node["GPU"])) if use_gpu else workers_per_node)
            for node in hosts
        ),
    )
