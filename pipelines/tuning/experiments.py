"""The two experiments of a study under Ray Tune: the search, then the repeats on other seeds.

Both are kept in the folder of the study, and go on there after an interruption (`Tuner.restore`).
"""

import logging
import random
import signal
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining
from ray.tune.search import BasicVariantGenerator

from pipelines.entrypoint import InterruptionError
from pipelines.processes.signals import first_signal_as
from pipelines.runs.folder import Folder
from pipelines.runs.whole_files import with_whole_files
from pipelines.tuning.lost_checkpoints import replace_lost_checkpoints
from pipelines.tuning.optuna_search import StudySearch
from pipelines.tuning.placement import TrialPlacement
from pipelines.tuning.result_files import ResultFiles
from pipelines.tuning.results import TRIAL, experiment_of, read_trials, trial_name
from pipelines.tuning.search_space import make_sampler, optuna_space, population_space, tune_space
from pipelines.tuning.trial import BEST_L1, LATEST_L1, TrialJob, run_trial
from pix2pix.config import NUM_SEEDS, Params, TuneConfig, Value
from pix2pix.tuning.space import total_epochs
from pix2pix.tuning.trials import Purpose, Trial, score_names

# Of a trial: the older ones serve where a process is lost, or a trial still waits to copy a state.
_KEPT_CHECKPOINTS = 3


def run_search(
    job: TrialJob, placement: TrialPlacement, callbacks: Sequence[tune.Callback]
) -> list[Trial]:
    """Run the trials of the search, or those that an earlier process has not finished.

    Raises InterruptionError if a signal stopped it.
    """
    config = job.params.tune
    common = {"purpose": "search", "seed": job.params.train.seed}
    if config.scheduler == "pbt":
        random.seed(config.seed)  # Ray's population draws from Python's own generator
        return _run(
            "search",
            job,
            placement,
            callbacks,
            param_space={TRIAL: {**common, "values": tune_space(config.space)}},
            tune_config=tune.TuneConfig(
                search_alg=BasicVariantGenerator(random_state=config.seed),
                scheduler=_population(config),
                num_samples=config.num_trials,
            ),
        )
    return _run(
        "search",
        job,
        placement,
        callbacks,
        param_space={TRIAL: common},
        tune_config=tune.TuneConfig(
            search_alg=_optuna(job.params),
            scheduler=_asha(job.params) if config.scheduler == "asha" else None,
            num_samples=config.num_trials,
            max_concurrent_trials=placement.num_concurrent,
        ),
        first_number=-1,  # Ray counts the trials of a search algorithm from 1
    )


def run_repeats(
    job: TrialJob,
    points: Mapping[Purpose, Mapping[str, Value]],
    placement: TrialPlacement,
    callbacks: Sequence[tune.Callback],
) -> list[Trial]:
    """Train each point on `tune.num_seeds` seeds that no trial of the search had.

    Their numbers follow those of the search. Raises InterruptionError if a signal stopped it.
    """
    trials = [
        {"purpose": purpose, "seed": seed, "values": dict(values)}
        for seed in repeat_seeds(job.params)
        for purpose, values in points.items()
    ]
    return _run(
        "default",
        job,
        placement,
        callbacks,
        param_space={TRIAL: tune.grid_search(trials)},
        tune_config=tune.TuneConfig(
            search_alg=BasicVariantGenerator(max_concurrent=placement.num_concurrent)
        ),
        first_number=job.params.tune.num_trials,
    )


def repeat_seeds(params: Params) -> list[int]:
    """Return the seeds after train.seed, which no trial had; the largest one is followed by 0."""
    first = params.train.seed + 1
    return [(first + index) % NUM_SEEDS for index in range(params.tune.num_seeds)]


def _run(
    purpose: Purpose,
    job: TrialJob,
    placement: TrialPlacement,
    callbacks: Sequence[tune.Callback],
    *,
    param_space: Mapping[str, Any],
    tune_config: tune.TuneConfig,
    first_number: int = 0,
) -> list[Trial]:
    trainable: Any = tune.with_resources(
        tune.with_parameters(run_trial, job=job), placement.resources
    )
    name = experiment_of(purpose)
    if _can_restore(job.study / name):
        tuner = tune.Tuner.restore(
            (job.study / name).path,
            trainable,
            resume_errored=True,
            storage_filesystem=with_whole_files(job.study.filesystem),
        )
        replace_lost_checkpoints(tuner.get_results())
    else:
        if job.study.has(name):  # of a process that was killed within the first seconds
            (job.study / name).remove_all()
        creator = partial(_name, first=first_number)
        tune_config.trial_name_creator = tune_config.trial_dirname_creator = creator
        tune_config.reuse_actors = True  # a process costs seconds of imports
        tuner = tune.Tuner(
            trainable,
            param_space=dict(param_space),
            tune_config=tune_config,
            run_config=_run_config(name, job, callbacks),
        )
    return read_trials(_fit(tuner, job.study), job.params)


def _run_config(name: str, job: TrialJob, callbacks: Sequence[tune.Callback]) -> tune.RunConfig:
    return tune.RunConfig(
        name=name,
        storage_path=job.study.path,
        storage_filesystem=with_whole_files(job.study.filesystem),
        stop={"epoch": total_epochs(job.params)},
        failure_config=tune.FailureConfig(max_failures=job.params.train.max_failures),
        checkpoint_config=tune.CheckpointConfig(num_to_keep=_KEPT_CHECKPOINTS),
        callbacks=[ResultFiles(), *callbacks],
        verbose=0,
    )


def _fit(tuner: tune.Tuner, study: Folder) -> tune.ResultGrid:
    """Run the trials. Ray Tune saves its state and leaves trials unfinished at SIGUSR1."""
    logging.getLogger("ray.tune").setLevel(logging.ERROR)  # the console has a line per epoch
    with warnings.catch_warnings(), first_signal_as(signal.SIGUSR1) as interruption:
        # An epoch is reported again after its process was lost.
        warnings.filterwarnings("ignore", "The reported value is ignored because this `step`")
        grid = tuner.fit()
    if interruption.is_asked:
        raise InterruptionError(
            f"stopped; the same command continues the study in {study}",
            interruption.signal_number or signal.SIGTERM,
        )
    return grid


def _can_restore(experiment: Folder) -> bool:
    """Whether Ray Tune has saved a state; it saves the tuner itself some seconds before."""
    has_state = any(name.startswith("experiment_state-") for name in experiment.names())
    return has_state and tune.Tuner.can_restore(
        experiment.path, storage_filesystem=experiment.filesystem
    )


def _name(trial: Any, *, first: int) -> str:
    """The name of one of Ray's trials, whose tag begins with its number."""
    return trial_name(int(trial.experiment_tag.split("_")[0]) + first)


def _optuna(params: Params) -> StudySearch:
    config = params.tune
    return StudySearch(
        {f"{TRIAL}/values/{key}": each for key, each in optuna_space(config.space).items()},
        metrics=[BEST_L1, *score_names(config.objective)[1:]],
        sampler=make_sampler(config),
        num_epochs=total_epochs(params),
    )


def _asha(params: Params) -> ASHAScheduler:
    """ASHA (Li et al. 2020) on the dev L1 of each epoch."""
    total = total_epochs(params)
    return ASHAScheduler(
        time_attr="epoch",
        metric=LATEST_L1,
        mode="min",
        max_t=total,
        grace_period=min(params.tune.grace_epochs, total),
        reduction_factor=params.tune.reduction_factor,
        stop_last_trials=False,
    )


def _population(config: TuneConfig) -> PopulationBasedTraining:
    """Population-based training (Jaderberg et al. 2017) on the dev L1 of each exchange."""
    return PopulationBasedTraining(
        time_attr="epoch",
        metric=LATEST_L1,
        mode="min",
        perturbation_interval=config.exchange_epochs,
        quantile_fraction=config.exchange_share,
        hyperparam_mutations={TRIAL: {"values": population_space(config.space)}},
        synch=True,
    )
