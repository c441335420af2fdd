"""Read what the finished stages wrote into the project's files, as one value to be logged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.json_files import read_json
from pipelines.paths import HISTORY_PATH, METRICS_PATH, SAMPLES_DIR, TRAIN_PATH
from pipelines.repository.dvc_lock import model_lineage
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.history import Record, parse_history
from pipelines.tracking.report_files import report_files
from pipelines.tracking.score_keys import is_score
from pipelines.tracking.train_record import TrainRecord, read_train_record
from pix2pix.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRun:
    """A training that was evaluated."""

    training: TrainRecord
    ended_s: float
    history: tuple[Record, ...]  # the lines of history.jsonl
    samples: Folder  # the sample grids
    scores: Mapping[str, float]  # test/<metric> and test/baseline_<name>/<metric>
    reports: Mapping[str, Path]  # other files below reports/, by path relative to the project
    outputs: Mapping[str, str]  # MD5 by path, of all stages up to here, from dvc.lock


def read_finished_run(project_dir: Path) -> FinishedRun:
    """Read what `train` and `evaluate` wrote.

    Raises UserError naming a file that is missing, or what train.json does not say.
    """
    training = read_train_record(project_dir / TRAIN_PATH)
    scores = read_json(project_dir / METRICS_PATH, made_by="evaluate")
    history = read_history(project_dir / HISTORY_PATH)
    last_s = max(float(record["time_s"]) for record in history)
    return FinishedRun(
        training=training,
        # An interrupted and resumed training took longer than the time it was running.
        ended_s=max(training.started_s + training.elapsed_s, last_s),
        history=history,
        samples=open_folder(str(project_dir / SAMPLES_DIR)),
        scores=scores_of(scores),
        reports=report_files(project_dir),
        outputs=model_lineage(project_dir),
    )


def read_history(path: Path) -> tuple[dict[str, float], ...]:
    """The lines of `history.jsonl`. Raises UserError if it is missing or has none."""
    if not path.is_file() or not path.stat().st_size:
        raise UserError(f"{path} is missing or empty; run `dvc repro train` or `dvc pull`")
    return parse_history(path.read_text(encoding="utf-8"))


def scores_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a metrics.json: test/<metric> and test/baseline_<name>/<metric>.

    The intervals of the baselines are left out: they would triple the list of metrics that a person
    reads in MLflow. The file has them.
    """
    scores = dict(_numbers(metrics["test"], "test/"))
    for name, others in metrics.get("baselines", {}).items():
        values = {key: value for key, value in others.items() if is_score(key)}
        scores |= _numbers(values, f"test/baseline_{name}/")
    return scores


def _numbers(scores: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    """The numbers among `scores`; a score that could not be computed is null there."""
    for name, value in scores.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)
