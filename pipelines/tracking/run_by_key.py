"""Find the run with a key of ours in MLflow, or make it: MLflow's own identifiers are random."""

import time
from collections.abc import Mapping
from itertools import chain, count

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException

from pipelines.processes.http_address import is_http
from pipelines.tracking.run import MlflowRun, milliseconds
from pipelines.tracking.saved_view import missing_view
from pipelines.tracking.uri import artifact_location
from pix2pix.errors import UserError

RUN_KEY_TAG = "pix2pix.run_key"

_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # else the UI asks


def open_run(
    client: MlflowClient,
    experiment: str,
    *,
    run_key: str,
    name: str,
    started_s: float,
    tags: Mapping[str, str],
) -> MlflowRun:
    """The run with that key in that experiment; if there is none, a new one with these tags.

    Two processes may make the run at the same time, and a client makes it twice when the first
    answer is lost. A process that sees several runs keeps the one that every process would keep,
    and deletes the others. A process that uses one of these gets an error, and opens the run again.
    """
    experiment_id = _experiment_id(client, experiment)
    run_ids = _run_ids(client, experiment_id, run_key)
    if not run_ids:
        made = client.create_run(
            experiment_id,
            start_time=milliseconds(started_s),
            run_name=_free_name(client, experiment_id, name, run_key=run_key),
            tags={RUN_KEY_TAG: run_key, **tags},
        ).info.run_id
        run_ids = _run_ids(client, experiment_id, run_key) or [made]
        for other in run_ids[1:]:
            client.delete_run(other)
    return MlflowRun(client, run_ids[0], experiment_id)


def _free_name(client: MlflowClient, experiment_id: str, name: str, *, run_key: str) -> str:
    """The name, with a number such as `#2` behind it if another run of the experiment has the name.

    MLflow allows equal names, but people could not tell the runs apart. A run with the same key is
    no other run: a second process has made it just now, and one of the two is deleted.
    """
    # In LIKE, _ and % stand for other characters: this may find more than is asked for.
    alike = f"attributes.run_name LIKE '{name}%'"
    found = client.search_runs([experiment_id], alike)
    taken = {run.info.run_name for run in found if run.data.tags.get(RUN_KEY_TAG) != run_key}
    numbered = (f"{name} #{number}" for number in count(2))
    return next(free for free in chain([name], numbered) if free not in taken)


def find_run(client: MlflowClient, experiment: str, *, run_key: str) -> MlflowRun | None:
    """The run with that key in that experiment, or None."""
    known = client.get_experiment_by_name(experiment)
    if known is None or known.lifecycle_stage == "deleted":
        return None
    run_ids = _run_ids(client, known.experiment_id, run_key)
    return MlflowRun(client, run_ids[0], known.experiment_id) if run_ids else None


def _run_ids(client: MlflowClient, experiment_id: str, run_key: str) -> list[str]:
    """Those of the runs with that key; the one to keep comes first."""
    where = f"tags.`{RUN_KEY_TAG}` = '{run_key}'"
    runs = sorted(client.search_runs([experiment_id], where), key=_sort_key)
    return [run.info.run_id for run in runs]


def _sort_key(run: Run) -> tuple[bool, str]:
    """First the runs that have metrics: they are in use. MLflow does not say which is older."""
    return not run.data.metrics, run.info.run_id


def _experiment_id(client: MlflowClient, name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return client.create_experiment(
            name,
            artifact_location=artifact_location(client.tracking_uri),
            tags=_EXPERIMENT_TAGS | missing_view({}, time_s=time.time()),
        )
    if experiment.lifecycle_stage == "deleted":
        raise UserError(
            f"MLflow experiment {name!r} was deleted; restore it with `mlflow experiments restore "
            f"-x {experiment.experiment_id}` or name another in params.yaml: register.experiment"
        )
    proxied = experiment.artifact_location.startswith("mlflow-artifacts:")
    if proxied and not is_http(client.tracking_uri):
        raise UserError(
            f"MLflow experiment {name!r} keeps its files on a server; set MLFLOW_TRACKING_URI to "
            "that server or name another experiment in params.yaml: register.experiment"
        )
    _give_view(client, experiment)
    return experiment.experiment_id


def _give_view(client: MlflowClient, experiment: Experiment) -> None:
    for key, value in missing_view(experiment.tags, time_s=time.time()).items():
        try:
            client.set_experiment_tag(experiment.experiment_id, key, value)
        except MlflowException:  # perhaps because another process sets it at the same time
            if key not in client.get_experiment(experiment.experiment_id).tags:
                raise
