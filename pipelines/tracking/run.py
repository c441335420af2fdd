"""A run in MLflow: each call adds what the run lacks, and may be repeated.

So following a training and completing its run afterwards are the same calls.
"""

import logging
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlflow import MlflowClient
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_RUN_NOTE

from pipelines.runs.history import Record
from pipelines.tracking.dataset import dataset_of
from pipelines.tracking.description import DataRecord
from pipelines.tracking.report_files import files_sha256
from pipelines.tracking.run_file import read_run_json

SCORES_STEP = 0

_FILES_RECORD = "files.json"
_NOTE_END = "\n\n---\n*Notes written below this line are kept.*"
_NO_METRICS = {"epoch", "step", "time_s"}  # keys of a history record
Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
Steps = Mapping[str, frozenset[int]]  # the epochs of each metric that a run has
NOTHING: Steps = {}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """A run and the client that writes to it."""

    client: MlflowClient
    run_id: str
    experiment_id: str

    def log_params(self, params: Mapping[str, str]) -> None:
        """Log parameters. MLflow refuses to change one, so another value is only a warning."""
        logged = self.client.get_run(self.run_id).data.params
        missing = [Param(key, value) for key, value in params.items() if key not in logged]
        self.client.log_batch(self.run_id, params=missing, synchronous=True)
        changed = sorted(key for key, value in params.items() if logged.get(key, value) != value)
        if changed:
            logger.warning("MLflow run %s keeps its first %s", self.run_id, ", ".join(changed))

    def log_dataset(self, data: DataRecord, *, context: str) -> None:
        """Log the prepared pairs as the data set of the run; `context` says what for."""
        inputs = self.client.get_run(self.run_id).inputs
        if inputs is not None and inputs.dataset_inputs:
            return
        tags = [InputTag(MLFLOW_DATASET_CONTEXT, context)]
        self.client.log_inputs(self.run_id, [DatasetInput(dataset_of(data), tags=tags)])

    def log_texts(self, texts: Mapping[str, str]) -> None:
        """Log text files by name, unless the run has a file or folder of that first path part."""
        held = {item.path for item in self.client.list_artifacts(self.run_id)}
        for name, text in texts.items():
            if name.partition("/")[0] not in held:
                self.client.log_text(self.run_id, text, name)

    def log_records(self, records: Sequence[Record], known: Steps = NOTHING) -> Steps:
        """Log the metrics of history records at their own time and epoch.

        A metric that the run has at an epoch stays as it is: an epoch trained again after an
        interruption has the same losses and scores, but took another time. Returns the epochs that
        the run has now. Of the metrics that are `known`, which an earlier call has returned, MLflow
        is not asked for them.
        """
        keys = {key for record in records for key in record} - _NO_METRICS
        logged = {key: known[key] for key in keys & known.keys()}
        logged |= self._steps(keys - known.keys())
        missing = [
            Metric(key, value, milliseconds(record["time_s"]), int(record["epoch"]))
            for record in records
            for key, value in record.items()
            if key not in _NO_METRICS and record["epoch"] not in logged[key]
        ]
        self.client.log_batch(self.run_id, metrics=missing, synchronous=True)
        return {**known, **{key: logged[key] | _epochs(records, key) for key in keys}}

    def _steps(self, keys: Set[str]) -> Steps:
        """The epochs of these metrics that the run has.

        A server is asked once for each metric that has any: it has no request for several.
        """
        begun = self.client.get_run(self.run_id).data.metrics if keys else {}
        return {key: self._epochs(key) if key in begun else frozenset() for key in keys}

    def _epochs(self, key: str) -> frozenset[int]:
        return frozenset(each.step for each in self.client.get_metric_history(self.run_id, key))

    def log_scores(self, scores: Mapping[str, float], *, time_s: float) -> None:
        """Log metrics without an epoch: MLflow draws those as bars, which compare runs.

        The first scores of a run get the time `time_s`, so that a run that is made again equals the
        lost one. Later scores get the present time: MLflow shows those with the latest time.
        """
        logged = self.client.get_run(self.run_id).data.metrics
        now_s = time.time()
        changed = [
            Metric(key, value, milliseconds(now_s if key in logged else time_s), SCORES_STEP)
            for key, value in scores.items()
            if logged.get(key) != value
        ]
        self.client.log_batch(self.run_id, metrics=changed, synchronous=True)

    def log_files(
        self, files: Mapping[str, Path], *, dvc_md5: Mapping[str, str] | None = None
    ) -> None:
        """Log files, by their names in the run, unless the run has these files.

        The file `files.json` of the run says which it has, by their hash. It also has `dvc_md5`:
        the MD5 hashes by which DVC knows the outputs that led to the run.
        """
        record = {"sha256": files_sha256(files), "dvc_md5": dict(dvc_md5 or {})}
        logged = read_run_json(self.client, self.run_id, Path(_FILES_RECORD))
        if logged == record:
            return
        if logged is None or logged["sha256"] != record["sha256"]:
            for name, path in files.items():
                self.client.log_artifact(self.run_id, path, Path(name).parent.as_posix())
        self.client.log_dict(self.run_id, record, _FILES_RECORD)  # last: the files are there

    def set_note(self, text: str) -> None:
        """Set the description of the run, which MLflow shows as Markdown.

        What a person has written below the last line of the earlier description is kept. A
        description that lacks this line is a person's own, and stays as it is.
        """
        held = self.client.get_run(self.run_id).data.tags.get(MLFLOW_RUN_NOTE, "")
        _, line, notes = held.partition(_NOTE_END)
        if held and not line:
            return
        if held != f"{text}{_NOTE_END}{notes}":
            self.set_tags({MLFLOW_RUN_NOTE: f"{text}{_NOTE_END}{notes}"})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, in place of earlier values."""
        run_tags = [RunTag(key, value) for key, value in tags.items()]
        self.client.log_batch(self.run_id, tags=run_tags, synchronous=True)

    def status(self) -> str:
        """MLflow's word for whether the run goes on, or how it ended."""
        return str(self.client.get_run(self.run_id).info.status)

    def set_status(self, status: Status, *, ended_s: float | None = None) -> None:
        """Set the status; `ended_s` where the run has ended."""
        if ended_s is None:
            self.client.update_run(self.run_id, status=status)
        else:
            self.client.set_terminated(self.run_id, status, end_time=milliseconds(ended_s))


def _epochs(records: Sequence[Record], key: str) -> set[int]:
    return {int(record["epoch"]) for record in records if key in record}


def milliseconds(time_s: float) -> int:
    """A time as MLflow stores it."""
    return round(time_s * 1000)
