"""The result of a run: a DVC experiment, an MLflow run and a model version that name each other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.runtime import flow_run

from pipelines.entrypoint import read_json
from pipelines.flows.artifacts import mlflow_links, show_picture, show_result, show_scores
from pipelines.flows.automations import CHAMPION_EVENT, CHAMPION_RESOURCE
from pipelines.flows.commands import RETRIES, dvc, python
from pipelines.paths import (
    CHAMPION_PATH,
    METRICS_PATH,
    PANELS_DIR,
    REGISTRATION_PATH,
    SAMPLES_DIR,
    TUNE_DIR,
)
from pipelines.processes.shell import Shell
from pipelines.repository.git import publish_experiment

REGISTER = "register"  # the stage that ends in MLflow


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Where the result of a run is."""

    experiment: str  # of DVC
    commit: str  # of the experiment
    run_id: str | None  # of MLflow; none where nothing was registered
    model: str | None  # name/version

    def __str__(self) -> str:
        registered = f", MLflow run {self.run_id}, model {self.model}" if self.model else ""
        return f"DVC experiment {self.experiment}{registered}"


@task(cache_policy=NO_CACHE, **RETRIES)
def compare_with_champion(shell: Shell, *, lock_path: Path) -> None:
    """Compare the new model version with the champion; it becomes the champion if it is better.

    One run of this machine at a time: MLflow would let two of them win against the same champion.
    """
    with FileLock(lock_path):
        python(shell, "pipelines.registry.champion")
    compared = read_json(shell.folder / CHAMPION_PATH, made_by="register")
    before = compared["champion_version"]
    show_scores(
        compared["rows"],
        key="scores",
        description=f"{compared['model']} version {compared['version']} against "
        f"{'no champion' if before is None else f'champion version {before}'}: "
        f"{compared['reason']}",
    )
    if compared["is_promoted"]:
        _tell_of_champion(compared)


@task(cache_policy=NO_CACHE, **RETRIES)
def record_result(shell: Shell, stages: list[str]) -> Result:
    """Save the workspace as an experiment of the user's repository, and link what belongs to it.

    `stages` are those that are up to date; DVC asks for the outputs of all others otherwise.
    """
    registration = _registration(shell) if REGISTER in stages else None
    name = experiment_name()
    message = f"{flow_run.get_flow_name()}: flow run {flow_run.get_name()} ({flow_run.get_id()})"
    if registration is not None:
        model = f"{registration['model']}/{registration['version']}"
        message += f"\n\nMLflow run {registration['run_id']}, model {model}"
    options = ["--force", "--name", name, "--message", message]
    for path in (METRICS_PATH, TUNE_DIR):  # these are git's, not DVC's
        if (shell.folder / path).exists():
            options += ["--include-untracked", path.as_posix()]
    dvc(shell, "exp", "save", *options, *stages, name="exp-save")
    commit = publish_experiment(shell.folder, name)
    if registration is None:
        return Result(experiment=name, commit=commit, run_id=None, model=None)
    python(
        shell,
        "pipelines.registry.link",
        f"dvc.experiment={name}",
        f"dvc.experiment_commit={commit}",
        f"prefect.flow_run_id={flow_run.get_id()}",
        f"prefect.flow_run_name={flow_run.get_name()}",
    )
    return Result(experiment=name, commit=commit, run_id=registration["run_id"], model=model)


def show(shell: Shell, result: Result) -> None:
    """Artifacts of the pictures and of where the result is."""
    samples = sorted((shell.folder / SAMPLES_DIR).glob("epoch_*.png"))
    if samples:
        show_picture(samples[-1], key="samples", description="source | generated | target, dev")
    best = shell.folder / PANELS_DIR / "best.png"
    if result.model is None:
        show_result(_text(result, {}), {})
        return
    if best.is_file():
        show_picture(best, key="best-panels", description="test pairs with the lowest L1")
    registration = _registration(shell)
    show_result(_text(result, registration), mlflow_links(registration))
    get_run_logger().info("%s", result)


def experiment_name() -> str:
    """The flow run's name, as DVC takes it, and the start of its identifier, which is unique."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", flow_run.get_name() or "run").strip("-")
    return f"{readable}-{str(flow_run.get_id())[:8]}"


def _registration(shell: Shell) -> dict[str, str]:
    found: dict[str, str] = read_json(shell.folder / REGISTRATION_PATH, made_by="register")
    return found


def _text(result: Result, registration: Mapping[str, str]) -> str:
    lines = [
        "| | |",
        "|---|---|",
        f"| DVC experiment | `{result.experiment}` (`dvc exp show`, "
        f"`dvc exp apply {result.experiment}`) |",
    ]
    if registration:
        lines += [
            f"| MLflow run | `{result.run_id}` at {registration['tracking_uri']} |",
            f"| model version | `{registration['model_uri']}` |",
        ]
    return "\n".join(lines) + "\n"


def _tell_of_champion(compared: Mapping[str, Any]) -> None:
    """An event, for whoever has asked to be told (docs/services.md)."""
    model, version = compared["model"], compared["version"]
    emit_event(
        CHAMPION_EVENT,
        resource={
            "prefect.resource.id": f"{CHAMPION_RESOURCE}{model}",
            "prefect.resource.name": f"{model} version {version}",
        },
        payload={
            "model": model,
            "version": version,
            "run_url": flow_run.get_flow_run_ui_url(),
            "summary": compared["reason"],
        },
    )
