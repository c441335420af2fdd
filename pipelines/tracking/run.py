"""A run in MLflow that takes what it does not hold yet, and nothing twice.

Logging while training and completing a run afterwards are the same calls, so that either may do
any part of the work.
"""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from pipelines.tracking.description import DataRecord
from pipelines.tracking.samples import log_sample
from pipelines.tracking.uri import artifact_location, reach, unusable
from pix2pix.errors import UserError

RUN_KEY_TAG = "pix2pix.run_key"
SCORES_STEP = 0

# MLflow's words for what may pass. Its client says INTERNAL_ERROR where it got no answer, its
# database TEMPORARILY_UNAVAILABLE where it was full or locked. RESOURCE_ALREADY_EXISTS: another
# process has made it this moment.
_PASSING_CODES = {
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "UNAVAILABLE",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "RESOURCE_ALREADY_EXISTS",
}

_FILES_TAG = "pix2pix.files_sha256"
_NO_METRICS = {"epoch", "step", "time_s"}  # keys of a history record
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # else the UI asks
_METRICS_PER_REQUEST, _PARAMS_PER_REQUEST = 1000, 100  # MLflow's limits
_DIGEST_CHARACTERS = 16  # MLflow stores at most 36 of a data set's digest; the tag has all

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

logger = logging.getLogger(__name__)


def connect(uri: str) -> MlflowClient:
    """A client of the MLflow server or database at `uri`.

    Raises ConnectionError naming the URI, what is wrong with it and the remedy, within seconds.
    """
    reach(uri)
    # Where a database fails, MLflow logs a traceback of a hundred lines, and raises the error, too.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    client = MlflowClient(tracking_uri=uri)
    try:
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise unusable(uri, error) from None
    return client


def open_run(
    client: MlflowClient,
    experiment: str,
    *,
    run_key: str,
    name: str,
    started_s: float,
    tags: Mapping[str, str],
) -> "MlflowRun":
    """The run with that key in that experiment; if there is none, a new one with these tags.

    Where another process makes it at the same moment, or this client does so twice on a lost
    answer, whoever sees several keeps the one that all of them would keep and deletes the others.
    Who uses one of those finds it deleted, and opens the run anew.
    """
    experiment_id = _experiment_id(client, experiment)
    found = _run_ids(client, experiment_id, run_key)
    if not found:
        made = client.create_run(
            experiment_id,
            start_time=_ms(started_s),
            run_name=name,
            tags={RUN_KEY_TAG: run_key, **tags},
        ).info.run_id
        found = _run_ids(client, experiment_id, run_key) or [made]
        for other in found[1:]:
            client.delete_run(other)
    return MlflowRun(client, found[0], experiment_id)


def may_pass(error: Exception) -> bool:
    """Whether what MLflow's client raised may pass: a server, the network, a full or locked disk.

    Where it may not, somebody has to change something, or it is a defect.
    """
    if isinstance(error, MlflowException):
        return error.error_code in _PASSING_CODES
    return isinstance(error, OSError | OperationalError | InterfaceError)


def reason_of(error: Exception) -> str:
    """What went wrong. Of a database, its own words alone: MLflow's have the SQL on many lines."""
    failed = error if isinstance(error, DBAPIError) else error.__cause__
    reason = str(failed.orig if isinstance(failed, DBAPIError) else error)
    return f"{reason}; make room on its disk" if "disk is full" in reason else reason


@contextmanager
def failures_of(uri: str) -> Iterator[None]:
    """Turn what MLflow raises, and what may pass, into a ConnectionError that names `uri`."""
    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        if may_pass(error):
            raise unusable(uri, reason_of(error)) from error
        raise


def find_run(client: MlflowClient, experiment: str, *, run_key: str) -> "MlflowRun | None":
    """The run with that key in that experiment, or None."""
    found = client.get_experiment_by_name(experiment)
    if found is None or found.lifecycle_stage == "deleted":
        return None
    run_ids = _run_ids(client, found.experiment_id, run_key)
    return MlflowRun(client, run_ids[0], found.experiment_id) if run_ids else None


def _run_ids(client: MlflowClient, experiment_id: str, run_key: str) -> list[str]:
    """Those of the runs with that key; the one to keep comes first."""
    where = f"tags.`{RUN_KEY_TAG}` = '{run_key}'"
    found = sorted(client.search_runs([experiment_id], where), key=_rank)
    return [run.info.run_id for run in found]


def _rank(run: Run) -> tuple[bool, str]:
    """One that has metrics is in use. Runs have no order of making that MLflow keeps."""
    return not run.data.metrics, run.info.run_id


def _experiment_id(client: MlflowClient, name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return client.create_experiment(
            name, artifact_location=artifact_location(client.tracking_uri), tags=_EXPERIMENT_TAGS
        )
    if experiment.lifecycle_stage == "deleted":
        raise UserError(
            f"MLflow experiment {name!r} was deleted; restore it with `mlflow experiments restore "
            f"-x {experiment.experiment_id}` or name another in params.yaml: register.experiment"
        )
    proxied = experiment.artifact_location.startswith("mlflow-artifacts:")
    if proxied and not client.tracking_uri.startswith("http"):
        raise UserError(
            f"MLflow experiment {name!r} keeps its files on a server; set MLFLOW_TRACKING_URI to "
            "that server or name another experiment in params.yaml: register.experiment"
        )
    return experiment.experiment_id


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A run and the client that writes to it."""

    client: MlflowClient
    run_id: str
    experiment_id: str

    def log_params(self, params: Mapping[str, str]) -> None:
        """Log parameters; MLflow never changes one, so another value is a warning."""
        held = self.client.get_run(self.run_id).data.params
        missing = [Param(key, value) for key, value in params.items() if key not in held]
        for start in range(0, len(missing), _PARAMS_PER_REQUEST):
            batch = missing[start : start + _PARAMS_PER_REQUEST]
            self.client.log_batch(self.run_id, params=batch, synchronous=True)
        changed = sorted(key for key, value in params.items() if held.get(key, value) != value)
        if changed:
            logger.warning("MLflow run %s keeps its first %s", self.run_id, ", ".join(changed))

    def log_dataset(self, data: DataRecord, *, path: Path, context: str) -> None:
        """Log the prepared pairs at `path` as the data set of the run; `context` says what for."""
        inputs = self.client.get_run(self.run_id).inputs
        if inputs is not None and inputs.dataset_inputs:
            return
        sizes = {f"num_{name}": number for name, number in data.num_pairs.items()}
        dataset = Dataset(
            name=data.name,
            digest=data.data_hash[:_DIGEST_CHARACTERS],
            source_type="local",
            source=json.dumps({"uri": path.as_posix()}),
            profile=json.dumps(sizes),
        )
        tags = [InputTag(MLFLOW_DATASET_CONTEXT, context)]
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, tags=tags)])

    def log_text(self, name: str, text: str) -> None:
        """Log a text file, unless the run has a file or folder of that first path part."""
        if not self.client.list_artifacts(self.run_id, name.partition("/")[0]):
            self.client.log_text(self.run_id, text, name)

    def log_records(self, records: Iterable[Mapping[str, float]]) -> None:
        """Log the metrics of history records at their own time and epoch.

        A metric that the run has at an epoch stays as it is: an epoch trained again after an
        interruption has the same losses and scores, but took another time.
        """
        points: dict[tuple[str, int], Metric] = {}
        for record in records:
            epoch, time_ms = int(record["epoch"]), _ms(record["time_s"])
            for key in record.keys() - _NO_METRICS:
                points.setdefault((key, epoch), Metric(key, record[key], time_ms, epoch))
        held = {
            (key, point.step)
            for key in {key for key, _ in points}
            for point in self.client.get_metric_history(self.run_id, key)
        }
        self._log_points([point for place, point in points.items() if place not in held])

    def log_scores(self, scores: Mapping[str, float], *, time_s: float) -> None:
        """Log metrics without an epoch: MLflow draws those as bars, to compare runs by.

        `time_s` is the time of the first evaluation the run gets, so that a run made anew equals
        the lost one; a later one happens now, which makes it the one that counts.
        """
        held = self.client.get_run(self.run_id).data.metrics
        self._log_points(
            [
                Metric(key, value, _ms(time.time() if key in held else time_s), SCORES_STEP)
                for key, value in scores.items()
                if held.get(key) != value
            ]
        )

    def _log_points(self, points: list[Metric]) -> None:
        for start in range(0, len(points), _METRICS_PER_REQUEST):
            batch = points[start : start + _METRICS_PER_REQUEST]
            self.client.log_batch(self.run_id, metrics=batch, synchronous=True)

    def log_sample(self, epoch: int, *, image: bytes, time_s: float) -> None:
        """Log a sample grid (PNG) as the image of that epoch."""
        log_sample(self.client, self.run_id, epoch=epoch, png=image, timestamp_ms=_ms(time_s))

    def log_files(self, files: Mapping[str, Path], *, sha256: str) -> None:
        """Log files under the names they are given by, unless files of that hash were logged."""
        if self.client.get_run(self.run_id).data.tags.get(_FILES_TAG) == sha256:
            return
        for name, path in files.items():
            self.client.log_artifact(self.run_id, path, Path(name).parent.as_posix())
        self.client.set_tag(self.run_id, _FILES_TAG, sha256)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set the tags that are missing or different."""
        held = self.client.get_run(self.run_id).data.tags
        changed = [RunTag(key, value) for key, value in tags.items() if held.get(key) != value]
        if changed:
            self.client.log_batch(self.run_id, tags=changed, synchronous=True)

    def is_deleted(self) -> bool:
        """Whether somebody has deleted it."""
        try:
            return bool(self.client.get_run(self.run_id).info.lifecycle_stage == "deleted")
        except MlflowException as error:
            return bool(error.error_code == "RESOURCE_DOES_NOT_EXIST")

    def status(self) -> str:
        """MLflow's word for how the run is, or how it ended."""
        return str(self.client.get_run(self.run_id).info.status)

    def set_status(self, status: Status, *, ended_s: float | None = None) -> None:
        """Set the status; `ended_s` where the run has ended."""
        info = self.client.get_run(self.run_id).info
        if ended_s is None:
            if info.status != status:
                self.client.update_run(self.run_id, status=status)
        elif (info.status, info.end_time) != (status, _ms(ended_s)):
            self.client.set_terminated(self.run_id, status, end_time=_ms(ended_s))


def _ms(time_s: float) -> int:
    return round(time_s * 1000)
