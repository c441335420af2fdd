"""A study in MLflow: a run for the study, and below it one for each trial.

Trials lie in an experiment of their own, beside that of the trainings, so that MLflow's comparison
and its parallel coordinates show trials and nothing else.
"""

from typing import assert_never

from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_USER

from pipelines.repository.dotted_keys import flatten
from pipelines.tracking.described_run import open_described_run
from pipelines.tracking.description import RunDescription
from pipelines.tracking.run import MlflowRun, Status, Steps
from pipelines.tracking.run_by_key import open_run
from pipelines.tracking.run_name import phrase
from pipelines.tracking.samples import log_sample
from pix2pix.config import STUDIES_SUFFIX
from pix2pix.tuning.trials import Trial, best_l1

PURPOSE_TAG = "pix2pix.purpose"
REASON_TAG = "pix2pix.stopped_because"
EXCHANGES_TAG = "pix2pix.exchanges"
BEST_L1 = "tune/best_dev_l1"


def experiment_of(description: RunDescription) -> str:
    """Where studies and their trials are."""
    return f"{description.experiment}{STUDIES_SUFFIX}"


def open_study(
    client: MlflowClient, description: RunDescription, *, described: str | None
) -> MlflowRun:
    """The run of the study, made if there is none, with what it lacks of its description.

    `described` is the id of a run that has all of it.
    """
    return open_described_run(
        client,
        description,
        experiment=experiment_of(description),
        name=f"search {description.name}",
        stage="pipelines.stages.tune",
        params=flatten({"tune": description.params["tune"]}),
        context="tuning",
        described=described,
    )


def open_trial(study: MlflowRun, description: RunDescription, trial: Trial) -> MlflowRun:
    """The run of a trial, made if there is none, with its parameters."""
    tags = {MLFLOW_PARENT_RUN_ID: study.run_id, PURPOSE_TAG: trial.purpose}
    tags |= {} if description.user is None else {MLFLOW_USER: description.user}
    run = open_run(
        study.client,
        experiment_of(description),
        run_key=f"{description.run_key}-{trial.number:04d}",
        name=_name(trial),
        started_s=trial.started_s,
        tags=tags,
    )
    run.log_params(flatten({"train.seed": trial.seed, **trial.first_values}))
    return run


def log_trial(
    run: MlflowRun, trial: Trial, *, first_epoch: int, grid: bytes | None, known: Steps
) -> Steps:
    """Log what the run lacks of a trial: its epochs, how it ended, its last sample grid.

    `known` and the result are those of `MlflowRun.log_records`.
    """
    steps = run.log_records(trial.history, known)
    if trial.exchanges:  # MLflow's parameters never change: what became of them is a tag
        run.set_tags({EXCHANGES_TAG: _exchanges_text(trial)})
    if trial.status == "running":
        return steps
    ended_s = max([trial.started_s, *(record["time_s"] for record in trial.history)])
    best = best_l1(trial, first_epoch=first_epoch)
    if best is not None:
        run.log_scores({BEST_L1: best}, time_s=ended_s)
    if trial.reason is not None:
        run.set_tags({REASON_TAG: trial.reason})
    if grid is not None:
        log_sample(run.client, run.run_id, epoch=trial.num_epochs, png=grid, time_s=ended_s)
    run.set_status(_status(trial), ended_s=ended_s)
    return steps


def _name(trial: Trial) -> str:
    """What the trial is for, its number, and its values, such as `search 3 lr 7.32e-4`."""
    words = [phrase(key, value) for key, value in trial.first_values.items()]
    return " ".join([trial.purpose, str(trial.number), *words])


def _exchanges_text(trial: Trial) -> str:
    """A line per exchange: after which epoch, from which trial, with what values from then on."""
    after = [*(exchange.before for exchange in trial.exchanges[1:]), trial.values]
    return "\n".join(
        f"epoch {exchange.epoch}, from trial {exchange.parent}: {dict(values)}"
        for exchange, values in zip(trial.exchanges, after, strict=True)
    )


def _status(trial: Trial) -> Status:
    match trial.status:
        case "running":
            return "RUNNING"
        case "finished":
            return "FINISHED"
        case "stopped":
            return "KILLED"
        case "failed":
            return "FAILED"
        case _:
            assert_never(trial.status)
