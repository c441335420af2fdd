"""The files of a finished study: best parameters, tables, pictures, and what a person reads."""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipelines.json_files import write_json
from pipelines.paths import BEST_PARAMS_PATH
from pipelines.runs.history import as_json
from pipelines.tuning.optuna_study import pictures
from pix2pix.config import Params, Value
from pix2pix.files import write_bytes, write_text
from pix2pix.plural import counted
from pix2pix.tuning.lineage import Span, lineage
from pix2pix.tuning.seed_band import Gain
from pix2pix.tuning.space import first_kept_epoch
from pix2pix.tuning.trials import Trial, best_l1, score_names

_HEAD = "# Of trial {number}; `pix2pix apply-tuned` writes it into params.yaml.\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyResult:
    """What a study found."""

    search: list[Trial]
    repeats: list[Trial]
    front: list[Trial]  # the best by dev L1 first; others only where there are two scores
    gain: Gain | None  # of the first, over the untuned default; None: not measured
    importance: Mapping[str, float]  # by key; empty if too few trials finished


def write_study(folder: Path, study: StudyResult, params: Params) -> dict[str, Path]:
    """Write all files of a study to `folder`; returns them by their path there."""
    write_text(folder / BEST_PARAMS_PATH.name, best_params_yaml(study.front[0]))
    for trial in study.front[1:]:
        write_text(folder / "front" / f"trial_{trial.number:04d}.yaml", best_params_yaml(trial))
    write_text(folder / "report.txt", report_text(study, params))
    write_text(folder / "trials.csv", trials_csv(study.search + study.repeats, params))
    write_json(folder / "study.json", _as_json(study))
    for name, png in pictures(study.search, params).items():
        write_bytes(folder / f"{name}.png", png)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f"tune/{path.relative_to(folder).as_posix()}": path for path in files}


def best_params_yaml(trial: Trial) -> str:
    """The values of a trial, nested as in params.yaml."""
    nested: dict[str, dict[str, Value]] = {}
    for key, value in trial.values.items():
        section, name = key.split(".")
        nested.setdefault(section, {})[name] = value
    text = io.StringIO()
    YAML().dump(nested, text)
    return _HEAD.format(number=trial.number) + text.getvalue()


def trials_csv(trials: Sequence[Trial], params: Params) -> str:
    """One row per trial, with the lowest dev L1 of the search so far."""
    keys = [dimension.key for dimension in params.tune.space]
    others = _others(params)
    columns = ["trial", "purpose", "seed", "status", "epochs", "dev_l1", "best_so_far"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *others, *keys, "reason"])
    best: float | None = None
    for trial in trials:
        l1 = best_l1(trial, first_epoch=first_kept_epoch(params))
        if trial.purpose == "search" and trial.status == "finished" and l1 is not None:
            best = l1 if best is None else min(best, l1)
        last = trial.history[-1] if trial.history else {}
        about = [trial.number, trial.purpose, trial.seed, trial.status, trial.num_epochs, l1, best]
        values = [trial.values[key] for key in keys]
        writer.writerow([*about, *(last.get(name) for name in others), *values, trial.reason])
    return text.getvalue()


def report_text(study: StudyResult, params: Params) -> str:
    """What the study found, in words."""
    best, first_epoch = study.front[0], first_kept_epoch(params)
    counts = {
        status: sum(trial.status == status for trial in study.search)
        for status in ("finished", "stopped", "failed")
    }
    lines = [
        f"{counted(len(study.search), 'trial')} judged on the dev split: "
        + ", ".join(f"{count} {status}" for status, count in counts.items()),
        "",
        f"best: trial {best.number}, dev L1 {best_l1(best, first_epoch=first_epoch):.4f}",
        *(f"  {key}: {value}" for key, value in best.values.items()),
        "",
        f"gain over the untuned parameters: {gain_text(study.gain, params.tune.num_seeds)}",
    ]
    if best.exchanges:
        lines += ["", "how its networks came about (the gain is that of the last values alone):"]
        lines += [_span_line(span) for span in lineage(best, study.search)]
    if len(study.front) > 1:
        lines += ["", "front (no other trial is better in one score and as good in the other):"]
        lines += [_front_line(trial, params) for trial in study.front]
    lines += ["", *_importance_lines(study)]
    return "\n".join(lines) + "\n"


def gain_text(gain: Gain | None, num_seeds: int) -> str:
    """Whether the best parameters are better than the untuned ones."""
    if gain is None:
        why = f"tune.num_seeds is {num_seeds}" if num_seeds == 0 else "a repetition failed"
        return f"not measured, {why}; another seed may do as much"
    sign = -1 if gain.verdict == "worse" else 1  # a positive number says by how much
    low, high = sorted((sign * gain.low, sign * gain.high))
    interval = f"95 % interval {low:.4f} to {high:.4f}, {len(gain.winner)} seeds"
    if gain.verdict == "no difference":
        return f"no difference: {gain.mean:.4f} is within the seed band ({interval})"
    side = "lower" if gain.verdict == "better" else "higher"
    return f"{gain.verdict}: dev L1 is {side} by {sign * gain.mean:.4f} ({interval})"


def _importance_lines(study: StudyResult) -> list[str]:
    finished = sum(trial.status == "finished" for trial in study.search)
    if not study.importance:
        return [f"importance: not measured, {finished} finished trials do not show it"]
    shares = (f"  {key}: {share:.2f}" for key, share in study.importance.items())
    return [f"importance (fANOVA, from {finished} finished trials):", *shares]


def _span_line(span: Span) -> str:
    values = ", ".join(f"{key} {value}" for key, value in span.values.items())
    return f"  epochs {span.first_epoch} to {span.last_epoch}, trial {span.number}: {values}"


def _front_line(trial: Trial, params: Params) -> str:
    l1 = best_l1(trial, first_epoch=first_kept_epoch(params))
    others = (f"{name} {trial.history[-1][name]:.3f}" for name in _others(params))
    return f"  trial {trial.number}: dev/l1 {l1:.4f}, {', '.join(others)}"


def _others(params: Params) -> tuple[str, ...]:
    return score_names(params.tune.objective)[1:]


def _as_json(study: StudyResult) -> dict[str, Any]:
    return {
        "best": study.front[0].number,
        "front": [trial.number for trial in study.front],
        "gain": None
        if study.gain is None
        else {**dataclasses.asdict(study.gain), "verdict": study.gain.verdict},
        "importance": dict(study.importance),
        "trials": [_trial_json(trial) for trial in study.search + study.repeats],
    }


def _trial_json(trial: Trial) -> dict[str, Any]:
    return dataclasses.asdict(trial) | {"history": [as_json(record) for record in trial.history]}
