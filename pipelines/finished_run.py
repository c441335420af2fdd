"""What the finished stages left in the project's files, as one value to be recorded."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.entrypoint import read_json
from pipelines.lineage import Origin, stage_outputs
from pipelines.paths import (
    CHAMPION_PATH,
    EVALUATION_DIR,
    HISTORY_PATH,
    METRICS_PATH,
    NEW_DATA_PATH,
    REGISTRATION_PATH,
    SAMPLES_DIR,
    TRAIN_PATH,
)
from pix2pix.errors import UserError

LOCK_PATH = Path("dvc.lock")

_SAMPLE = re.compile(r"epoch_(\d+)\.png")

# Below reports/, but not files of this run: samples are recorded as image steps, a study is not
# part of a training, and the others are written after all of this, or whenever somebody asks.
_NOT_REPORTS = (
    SAMPLES_DIR,
    Path("reports/tune"),
    REGISTRATION_PATH,
    CHAMPION_PATH,
    NEW_DATA_PATH,
    EVALUATION_DIR,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRun:
    """A training that was evaluated."""

    run_key: str
    started_s: float
    ended_s: float
    origin: Origin  # of the training: the checkout may have moved on since
    records: tuple[Mapping[str, float], ...]  # the lines of history.jsonl
    samples: Mapping[int, Path]  # sample grids by epoch
    scores: Mapping[str, float]  # test/<metric> and test/baseline_<name>/<metric>
    reports: Mapping[str, Path]  # other files below reports/, by path relative to the project
    reports_sha256: str  # over the names and contents of these
    outputs: Mapping[str, str]  # MD5 of each stage's outputs, by path, as in dvc.lock


def read_finished_run(project_dir: Path) -> FinishedRun:
    """Read what `train` and `evaluate` wrote.

    Raises UserError naming a file that is missing, or a train.json without the run's origin.
    """
    train = read_json(project_dir / TRAIN_PATH, made_by="train")
    scores = read_json(project_dir / METRICS_PATH, made_by="evaluate")
    records = read_history(project_dir / HISTORY_PATH)
    reports = _reports(project_dir)
    last_s = max(float(record["time_s"]) for record in records)
    return FinishedRun(
        run_key=train["run_key"],
        started_s=train["started_s"],
        # An interrupted and resumed training took longer than the time it was running.
        ended_s=max(train["started_s"] + train["elapsed_s"], last_s),
        origin=_origin(train, path=project_dir / TRAIN_PATH),
        records=records,
        samples=_samples(project_dir / SAMPLES_DIR),
        scores=scores_of(scores),
        reports=reports,
        reports_sha256=files_sha256(reports),
        outputs=stage_outputs(project_dir / LOCK_PATH),
    )


def _origin(train: Mapping[str, Any], *, path: Path) -> Origin:
    try:
        return Origin(**train["origin"])
    except (KeyError, TypeError):  # written before it was recorded, or by hand
        raise UserError(
            f"{path} does not say what code and packages the training ran with ('origin'); run "
            "`dvc repro -f train`"
        ) from None


def read_history(path: Path) -> tuple[dict[str, float], ...]:
    """The lines of `history.jsonl`. Raises UserError if it is missing or has none."""
    if not path.is_file() or not path.stat().st_size:
        raise UserError(f"{path} is missing or empty; run `dvc repro train` or `dvc pull`")
    return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


def _samples(samples_dir: Path) -> dict[int, Path]:
    found = ((_SAMPLE.fullmatch(path.name), path) for path in sorted(samples_dir.glob("*.png")))
    return {int(match[1]): path for match, path in found if match}


def scores_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a metrics.json: test/<metric> and test/baseline_<name>/<metric>."""
    scores = dict(_numbers(metrics["test"], "test/"))
    for name, others in metrics.get("baselines", {}).items():
        scores |= _numbers(others, f"test/baseline_{name}/")
    return scores


def _numbers(scores: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    """The numbers among `scores`; a score that could not be computed is null there."""
    for name, value in scores.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)


def _reports(project_dir: Path) -> dict[str, Path]:
    excluded = [project_dir / path for path in _NOT_REPORTS]
    reports_dir = project_dir / METRICS_PATH.parent
    return {
        path.relative_to(project_dir).as_posix(): path
        for path in sorted(reports_dir.rglob("*"))
        if path.is_file()
        and not path.name.startswith(".")
        and not any(path.is_relative_to(other) for other in excluded)
    }


def files_sha256(files: Mapping[str, Path]) -> str:
    """Over the names and contents of files."""
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
