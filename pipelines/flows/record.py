"""Record the result of a flow run: a DVC experiment, linked with the MLflow run and the model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.runtime import flow_run

from pipelines.flows.artifacts import mlflow_links, show_picture, show_result, show_scores
from pipelines.flows.automations import CHAMPION_EVENT, CHAMPION_RESOURCE, TO_PROMOTE_EVENT
from pipelines.flows.commands import RETRIES, dvc, python
from pipelines.json_files import read_json
from pipelines.paths import (
    METRICS_PATH,
    PANELS_DIR,
    REGISTER_PATH,
    SAMPLES_DIR,
    TUNE_DIR,
)
from pipelines.processes.shell import Shell
from pipelines.repository.git import publish_experiment

REGISTER = "register"  # the stage that ends in MLflow
# By the outcome of the decision about a new version; nobody is told of the other outcomes.
_EVENTS: Mapping[str, str] = MappingProxyType(
    {"promoted": CHAMPION_EVENT, "left to a person": TO_PROMOTE_EVENT}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The names under which the result of a flow run is stored.

    `experiment` is the DVC experiment. `run_id` (of MLflow) and `model` (NAME/VERSION) are None if
    no model was registered.
    """

    experiment: str
    run_id: str | None
    model: str | None

    def __str__(self) -> str:
        registered = f", MLflow run {self.run_id}, model {self.model}" if self.model else ""
        return f"DVC experiment {self.experiment}{registered}"


def show_decision(shell: Shell) -> None:
    """Show how the stage `register` has compared the new version with the champion.

    If the version has become the champion in this workspace, or waits for a person who promotes it,
    an event says so.
    """
    registration = _registration(shell)
    decision = registration["decision"]
    before = decision["compared_with"]
    show_scores(
        decision["rows"],
        key="scores",
        description=f"{registration['model']} version {registration['version']} against "
        f"{'no champion' if before is None else f'version {before}'}, {decision['outcome']}: "
        f"{decision['reason']}",
    )
    if decision["is_new"] and decision["outcome"] in _EVENTS:
        _emit_event(registration, _EVENTS[decision["outcome"]])


@task(cache_policy=NO_CACHE, **RETRIES)
def record_result(shell: Shell, stages: list[str]) -> Result:
    """Save the workspace as a DVC experiment of the user's repository, and link the MLflow run.

    `stages` are the stages that are up to date. Without them, DVC would require the outputs of all
    stages.
    """
    registration = _registration(shell) if REGISTER in stages else None
    name = experiment_name()
    message = f"{flow_run.get_flow_name()}: flow run {flow_run.get_name()} ({flow_run.get_id()})"
    if registration is not None:
        model = f"{registration['model']}/{registration['version']}"
        message += f"\n\nMLflow run {registration['run_id']}, model {model}"
    options = ["--force", "--name", name, "--message", message]
    for path in (METRICS_PATH, TUNE_DIR):  # outputs that git stores, not DVC's cache
        if (shell.folder / path).exists():
            options += ["--include-untracked", path.as_posix()]
    dvc(shell, "exp", "save", *options, *stages, name="exp-save")
    commit = publish_experiment(shell.folder, name)
    if registration is None:
        return Result(experiment=name, run_id=None, model=None)
    python(
        shell,
        "pipelines.registry.link",
        f"dvc.experiment={name}",
        f"dvc.experiment_commit={commit}",
        f"prefect.flow_run_id={flow_run.get_id()}",
        f"prefect.flow_run_name={flow_run.get_name()}",
    )
    return Result(experiment=name, run_id=registration["run_id"], model=model)


def show(shell: Shell, result: Result) -> None:
    """Create the artifacts of the pictures and of the links to the result."""
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
    """A unique experiment name that DVC accepts: the flow run's name and the start of its id."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", flow_run.get_name() or "run").strip("-")
    return f"{readable}-{str(flow_run.get_id())[:8]}"


def _registration(shell: Shell) -> dict[str, Any]:
    registration: dict[str, Any] = read_json(shell.folder / REGISTER_PATH, made_by="register")
    return registration


def _text(result: Result, registration: Mapping[str, Any]) -> str:
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


def _emit_event(registration: Mapping[str, Any], event: str) -> None:
    """Emit the event that triggers the notification about a version (docs/services.md)."""
    model, version = registration["model"], registration["version"]
    emit_event(
        event,
        resource={
            "prefect.resource.id": f"{CHAMPION_RESOURCE}{model}",
            "prefect.resource.name": f"{model} version {version}",
        },
        payload={
            "model": model,
            "version": version,
            "run_url": flow_run.get_flow_run_ui_url(),
            "summary": registration["decision"]["reason"],
        },
    )
