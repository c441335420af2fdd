"""A run in MLflow that takes what it does not hold yet, and nothing twice.

Logging while training and completing a run afterwards are the same calls, so that either may do
any part of the work.
"""

import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from pipelines.tracking_uri import artifact_location, reach, unusable
from pix2pix.data.manifest import Manifest

RUN_KEY_TAG = "pix2pix.run_key"
SAMPLES_KEY = "samples"
SCORES_STEP = 0
CLIENT_ERRORS = (MlflowException, SQLAlchemyError, OSError)

_FILES_TAG = "pix2pix.files_sha256"
_NO_METRICS = ("epoch", "step", "time_s")  # keys of a history record
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # else the UI asks
_METRICS_PER_REQUEST, _PARAMS_PER_REQUEST = 1000, 100  # MLflow's limits
_DIGEST_CHARACTERS = 16  # MLflow stores at most 36 of a data set's digest; the tag has all

Status = Literal["RUNNING", "FINISHED", "FAILED"]

logger = logging.getLogger(__name__)


def connect(uri: str) -> MlflowClient:
    """A client of the MLflow server or database at `uri`.

    Raises ConnectionError naming the URI, what is wrong with it and the remedy, within seconds.
    """
    reach(uri)
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
    """The run with that key in that experiment; if there is none, a new one with these tags."""
    experiment_id = _experiment_id(client, experiment)
    where = f"tags.`{RUN_KEY_TAG}` = '{run_key}'"
    found = client.search_runs([experiment_id], where, max_results=1)
    run = (
        found[0]
        if found
        else client.create_run(
            experiment_id,
            start_time=_ms(started_s),
            run_name=name,
            tags={RUN_KEY_TAG: run_key, **tags},
        )
    )
    return MlflowRun(client, run.info.run_id, experiment_id)


def _experiment_id(client: MlflowClient, name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return client.create_experiment(
            name, artifact_location=artifact_location(client.tracking_uri), tags=_EXPERIMENT_TAGS
        )
    if experiment.lifecycle_stage == "deleted":
        raise ValueError(
            f"MLflow experiment {name!r} was deleted; restore it with `mlflow experiments restore "
            f"-x {experiment.experiment_id}` or name another in params.yaml: register.experiment"
        )
    proxied = experiment.artifact_location.startswith("mlflow-artifacts:")
    if proxied and not client.tracking_uri.startswith("http"):
        raise ValueError(
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

    def log_dataset(self, manifest: Manifest, *, path: Path) -> None:
        """Log the prepared pairs at `path` as the data set the run was trained on."""
        inputs = self.client.get_run(self.run_id).inputs
        if inputs is not None and inputs.dataset_inputs:
            return
        sizes = {f"num_{name}": len(split.pair_ids) for name, split in manifest.splits.items()}
        dataset = Dataset(
            name=manifest.name,
            digest=manifest.data_hash[:_DIGEST_CHARACTERS],
            source_type="local",
            source=json.dumps({"uri": path.as_posix()}),
            profile=json.dumps(sizes),
        )
        context = InputTag(MLFLOW_DATASET_CONTEXT, "training")
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, tags=[context])])

    def log_text(self, name: str, text: str) -> None:
        """Log a text file, unless the run has a file or folder of that first path part."""
        if not self.client.list_artifacts(self.run_id, name.partition("/")[0]):
            self.client.log_text(self.run_id, text, name)

    def log_records(self, records: Iterable[Mapping[str, float]]) -> None:
        """Log the metrics of history records at their own time and epoch.

        A point is held if the run has that value at that epoch: an epoch trained again after an
        interruption, with the same result, stays one point.
        """
        points = [
            Metric(key, value, _ms(record["time_s"]), int(record["epoch"]))
            for record in records
            for key, value in record.items()
            if key not in _NO_METRICS
        ]
        held = {
            _identity(point)
            for key in {point.key for point in points}
            for point in self.client.get_metric_history(self.run_id, key)
        }
        self._log_points([point for point in points if _identity(point) not in held])

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

    def log_sample(self, epoch: int, *, image: Path | bytes, time_s: float) -> None:
        """Log a sample grid (PNG) as the image of that epoch."""
        if epoch in self._sampled_epochs():
            return
        with Image.open(BytesIO(image) if isinstance(image, bytes) else image) as opened:
            self.client.log_image(
                self.run_id,
                opened,
                key=SAMPLES_KEY,
                step=epoch,
                timestamp=_ms(time_s),
                synchronous=True,
            )

    def _sampled_epochs(self) -> set[int]:
        # Of the two files of an image the compressed one is written last.
        name = re.compile(rf"images/{SAMPLES_KEY}\+step\+(\d+)\+.*\+compressed\.webp")
        paths = (item.path for item in self.client.list_artifacts(self.run_id, "images"))
        return {int(match[1]) for match in map(name.fullmatch, paths) if match}

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

    def set_status(self, status: Status, *, ended_s: float | None = None) -> None:
        """Set the status; `ended_s` where the run has ended."""
        info = self.client.get_run(self.run_id).info
        if ended_s is None:
            if info.status != status:
                self.client.update_run(self.run_id, status=status)
        elif (info.status, info.end_time) != (status, _ms(ended_s)):
            self.client.set_terminated(self.run_id, status, end_time=_ms(ended_s))


def _identity(point: Metric) -> tuple[str, int, str]:
    return point.key, point.step, repr(point.value)  # repr: NaN equals nothing, not even itself


def _ms(time_s: float) -> int:
    return round(time_s * 1000)
