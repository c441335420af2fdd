"""A training's run in MLflow: followed while it trains, completed from the files afterwards.

Tracking never decides about a result. While training it may fail without consequence; afterwards
`complete_run` puts there what is missing, or the whole run.
"""

from dataclasses import dataclass
from pathlib import Path

from pipelines.described_run import (
    DATA_HASH_TAG,
    GIT_COMMIT_TAG,
    described_run,
)
from pipelines.finished_run import read_finished_run
from pipelines.run_description import RunDescription
from pipelines.tracking_uri import shown
from pix2pix.config import Params
from pix2pix.data.manifest import Manifest

__all__ = ["DATA_HASH_TAG", "GIT_COMMIT_TAG", "TrackedRun", "complete_run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackedRun:
    """Where a run is found."""

    run_id: str
    experiment_id: str
    tracking_uri: str


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
    run = described_run(uri, description)
    run.log_records(finished.records)
    times_s = {record["epoch"]: record["time_s"] for record in finished.records}
    for epoch, path in finished.samples.items():
        time_s = times_s.get(epoch, finished.ended_s)
        run.log_sample(epoch, image=path.read_bytes(), time_s=time_s)
    run.log_scores(finished.scores, time_s=finished.ended_s)
    run.log_files(finished.reports, sha256=finished.reports_sha256)
    run.set_tags({f"dvc.{path}": md5 for path, md5 in finished.outputs.items()})
    run.set_status("FINISHED", ended_s=finished.ended_s)
    return TrackedRun(run_id=run.run_id, experiment_id=run.experiment_id, tracking_uri=shown(uri))
