"""A training's run in MLflow: followed while it trains, completed from the files afterwards.

Tracking never decides about a result. While training it may fail without consequence; afterwards
`complete_run` puts there what is missing, or the whole run.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.finished_run import read_finished_run
from pipelines.lineage import Origin, flatten
from pipelines.mlflow_run import CLIENT_ERRORS, MlflowRun, connect, open_run
from pipelines.paths import PREPARED_DIR
from pipelines.tracking_uri import reach, shown, tracking_uri
from pix2pix.config import Params
from pix2pix.data.manifest import Manifest

__all__ = ["LiveRun", "RunDescription", "TrackedRun", "complete_run", "tracking_uri"]

DATA_HASH_TAG = "pix2pix.data_hash"
GIT_COMMIT_TAG = "mlflow.source.git.commit"  # MLflow's own names; the UI shows them as "Source"
GIT_DIRTY_TAG = "mlflow.source.git.dirty"

_MAX_WAITING = 256  # jobs, while MLflow is slow
_FLUSH_S = 10

Job = Callable[[MlflowRun], None]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDescription:
    """What is known of a run when its training starts."""

    run_key: str
    started_s: float
    params: Params
    manifest: Manifest
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackedRun:
    """Where a run is found."""

    run_id: str
    experiment_id: str
    tracking_uri: str


class LiveRun:
    """Follows a training in MLflow, from a thread of its own.

    A thread, because no time-out of ours bounds what MLflow may take: it tries again for minutes,
    and below it lie database drivers and object stores with patience of their own. Nothing here
    blocks or raises; the first loss is one warning, and `complete_run` fills the gaps. Until the
    first epoch an instance holds values only, so that it can be sent to a Ray worker.
    """

    def __init__(self, uri: str, description: RunDescription) -> None:
        self.uri = uri
        self.description = description
        self._run: MlflowRun | None = None
        self._jobs: queue.Queue[Job | None] | None = None
        self._thread: threading.Thread | None = None
        self._has_warned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(has_failed=kind is not None)

    def log_epoch(
        self, record: Mapping[str, float], sample_png: Path | bytes | None = None
    ) -> None:
        """Log one line of the history, and the sample grid of that epoch where there is one."""
        record = dict(record)  # the caller may go on with its own
        self._submit(lambda run: run.log_records([record]))
        if sample_png is not None:
            epoch, time_s = int(record["epoch"]), record["time_s"]
            self._submit(lambda run: run.log_sample(epoch, image=sample_png, time_s=time_s))

    def close(self, *, has_failed: bool = False) -> None:
        """End the run in MLflow, and wait at most ten seconds for what is still to be logged."""
        ended_s = time.time()
        self._submit(
            lambda run: run.set_status("FAILED" if has_failed else "FINISHED", ended_s=ended_s)
        )
        self._submit(None)
        if self._thread is not None:
            self._thread.join(_FLUSH_S)

    def _submit(self, job: Job | None) -> None:
        if self._jobs is None:
            self._jobs = queue.Queue(_MAX_WAITING)
            self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
            self._thread.start()
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self._warn(f"MLflow at {shown(self.uri)} is slow: {_MAX_WAITING} jobs are waiting")

    def _work(self) -> None:
        assert self._jobs is not None
        while (job := self._jobs.get()) is not None:
            try:
                reach(self.uri)  # else MLflow would try again for minutes, job after job
                if self._run is None:
                    self._run = _described_run(self.uri, self.description)
                    self._run.set_status("RUNNING")
                job(self._run)
            except CLIENT_ERRORS as error:
                self._warn(error)

    def _warn(self, reason: object) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s\nTraining goes on; the stage `register` logs what is missing.", reason
            )


def complete_run(uri: str, project_dir: Path, *, params: Params, manifest: Manifest) -> TrackedRun:
    """Make the run of the trained and evaluated model complete, or make it, from the files.

    A second call changes nothing. Raises ValueError if a stage's files are missing, and
    ConnectionError naming `uri` if MLflow does not answer.
    """
    finished = read_finished_run(project_dir)
    description = RunDescription(
        run_key=finished.run_key,
        started_s=finished.started_s,
        params=params,
        manifest=manifest,
        origin=finished.origin,
    )
    run = _described_run(uri, description)
    run.log_records(finished.records)
    times_s = {record["epoch"]: record["time_s"] for record in finished.records}
    for epoch, path in finished.samples.items():
        run.log_sample(epoch, image=path, time_s=times_s.get(epoch, finished.ended_s))
    run.log_scores(finished.scores, time_s=finished.ended_s)
    run.log_files(finished.reports, sha256=finished.reports_sha256)
    run.set_tags({f"dvc.{path}": md5 for path, md5 in finished.outputs.items()})
    run.set_status("FINISHED", ended_s=finished.ended_s)
    return TrackedRun(run_id=run.run_id, experiment_id=run.experiment_id, tracking_uri=shown(uri))


def _described_run(uri: str, description: RunDescription) -> MlflowRun:
    """The run, with what is known of it from the start."""
    params, origin = description.params, description.origin
    tags = {
        DATA_HASH_TAG: description.manifest.data_hash,
        "mlflow.source.name": "pipelines.stages.train",
        "mlflow.source.type": "LOCAL",
        GIT_DIRTY_TAG: str(origin.is_dirty).lower(),
        "pix2pix.torch": origin.torch,
        "pix2pix.python": origin.python,
    }
    run = open_run(
        connect(uri),
        params.register.experiment,
        run_key=description.run_key,
        name=f"{params.data.name}-{description.run_key[:8]}",
        started_s=description.started_s,
        tags=tags if origin.commit is None else {GIT_COMMIT_TAG: origin.commit, **tags},
    )
    run.log_params(flatten(asdict(params)))
    run.log_dataset(description.manifest, path=PREPARED_DIR)
    run.log_text("environment/requirements.txt", origin.packages)
    return run
