"""Trials under Ray Tune: what the driver asks for, and what a trial gets of the cluster."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from pipelines.entrypoint import InterruptionError
from pipelines.processes.signals import run_interruptibly
from pipelines.tuning.plan import Part
from pipelines.tuning.search import EpochLog, Stop, TrialSource
from pipelines.tuning.study_log import StudyLog
from pipelines.tuning.trial import TrialJob, run_trial
from pix2pix.config import TuneConfig
from pix2pix.errors import UserError
from pix2pix.tuning.space import total_epochs

_RAY_FOLDER = "ray"
_SOME_BYTES = 2**20  # a trial has to ask for something; its workers ask for the rest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrialPlacement:
    """What each trial gets, and how many there is room for at a time."""

    resources: dict[str, float]  # of the trial's own process
    num_concurrent: int


def place_trials(config: TuneConfig) -> TrialPlacement:
    """What the trials get on the connected cluster.

    Raises UserError, in place of Ray's endless wait, if not even one trial fits.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    placement = choose_trial_placement(config, nodes)
    logger.info(
        "%d trial(s) at a time, each of %d worker(s) with %d CPU(s)%s",
        placement.num_concurrent,
        config.num_workers,
        config.cpus_per_worker,
        f" and {config.gpus_per_worker:g} GPU" if config.gpus_per_worker else "",
    )
    return placement


def choose_trial_placement(config: TuneConfig, nodes: list[dict[str, float]]) -> TrialPlacement:
    """Fit trials on `nodes`, each given as its resources by name (CPU, GPU).

    Trials of several workers are never more than there is room for: each waits for all of its
    workers, and two that hold half of what they need wait for ever.
    """
    places = sum(_places(config, node) for node in nodes)
    room = places // config.num_workers
    if room == 0:
        each = f"{config.cpus_per_worker} CPUs and {config.gpus_per_worker:g} GPUs"
        held = "; ".join(f"{n.get('CPU', 0):g} CPUs, {n.get('GPU', 0):g} GPUs" for n in nodes)
        raise UserError(
            f"tune.num_workers: {config.num_workers} with {each} each does not fit on the "
            f"{len(nodes)} node(s) that Ray sees ({held or 'none'}). Lower tune.num_workers, "
            "tune.cpus_per_worker or tune.gpus_per_worker, or name a larger cluster in RAY_ADDRESS"
        )
    num_concurrent = min(room, config.max_concurrent_trials or room)
    if config.num_workers > 1:
        return TrialPlacement({"memory": _SOME_BYTES}, num_concurrent)
    resources = {"cpu": config.cpus_per_worker, "gpu": config.gpus_per_worker}
    return TrialPlacement(resources, num_concurrent)


def run_trials(
    parts: Iterator[Part | None],
    log: StudyLog,
    job: TrialJob,
    *,
    num_parts: int,
    place: TrialPlacement,
    scheduler: TrialScheduler | None = None,
) -> None:
    """Run trials, or parts of them, on the connected cluster, noting in `log` what they give.

    `scheduler` is that of params.yaml, which stops trials; None: all run to their end.

    Raises InterruptionError if a signal stopped it: then all that is finished is noted.
    """
    place_of_ray = job.study / _RAY_FOLDER
    if job.study.has(_RAY_FOLDER):  # of an earlier process; the log has what counts
        place_of_ray.remove_all()
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the log says how trials ended
    stop = Stop()
    tuner = _tuner(
        job,
        TrialSource(
            parts,
            log,
            stop=stop,
            total_epochs=total_epochs(job.params),
            stopped_by=None if scheduler is None else job.params.tune.scheduler.upper(),
        ),
        EpochLog(log),
        num_parts=num_parts,
        place=place,
        scheduler=scheduler or FIFOScheduler(),
        stop=stop,
    )
    _, signal_number = run_interruptibly(tuner.fit, stop=stop.ask)
    if signal_number is not None:
        raise InterruptionError(
            f"stopped; the same command continues the study in {job.study}", signal_number
        )


def _tuner(
    job: TrialJob,
    source: TrialSource,
    epochs: EpochLog,
    *,
    num_parts: int,
    place: TrialPlacement,
    scheduler: TrialScheduler,
    stop: Stop,
) -> tune.Tuner:
    trainable: Any = tune.with_resources(tune.with_parameters(run_trial, job=job), place.resources)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=source,
            scheduler=scheduler,
            num_samples=num_parts,
            max_concurrent_trials=place.num_concurrent,
            reuse_actors=job.params.tune.num_workers == 1,  # a process costs seconds of imports
            trial_dirname_creator=_folder_name,
        ),
        run_config=tune.RunConfig(
            name=_RAY_FOLDER,
            storage_path=job.study.path,
            storage_filesystem=job.study.filesystem,
            failure_config=tune.FailureConfig(max_failures=job.params.train.max_failures),
            callbacks=[epochs],
            stop=stop,
            verbose=0,
        ),
    )


def _folder_name(trial: Any) -> str:
    return str(trial.trial_id)


def _places(config: TuneConfig, node: dict[str, float]) -> int:
    """How many workers a node holds."""
    places = int(node.get("CPU", 0)) // config.cpus_per_worker
    if config.gpus_per_worker:
        # Not from one GPU's fraction into the next: a worker lies on one.
        places = min(places, int(node.get("GPU", 0)) * int(1 / config.gpus_per_worker + 1e-9))
    return places
