"""Tasks that run DVC's commands and the project's programs in a workspace."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect import State, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.sync import concurrency

from pipelines.flows.data_check import show_data_check
from pipelines.flows.passing import may_succeed_later, names_outage
from pipelines.flows.progress import Progress
from pipelines.processes.shell import CommandFailedError, Shell
from pipelines.repository.dvc_project import data_files, has_remote, known_outputs

TRAINING_SLOTS = "pix2pix-training"  # the global concurrency limit: as many as there are GPUs
_TRAIN = ("train", "tune")
_LEASE_S = 60  # Prefect's shortest: so long a run that was killed still holds its slot


def _may_pass(_task: Any, _task_run: Any, state: State) -> bool:
    """Whether what failed was the network, a server or storage, not a name or this program."""
    return may_succeed_later(state.result(raise_on_failure=False))


# Of tasks with effects outside the workspace: these may fail for reasons that pass.
RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [10.0, 30.0, 90.0],
    "retry_condition_fn": _may_pass,
}


def python(shell: Shell, module: str, *arguments: str) -> None:
    """Run a program of the project; its output goes to the log of the task or flow."""
    name = module.rpartition(".")[2]
    shell.run(name, [sys.executable, "-m", module, *arguments], say=get_run_logger().info)


def dvc(shell: Shell, *arguments: str, name: str = "") -> None:
    """Run a command of DVC."""
    command = [sys.executable, "-m", "dvc", *arguments]
    shell.run(name or arguments[0], command, say=get_run_logger().info)


def _transfer(shell: Shell, *arguments: str) -> None:
    """Run a command of DVC that reaches for a remote. Raises ConnectionError where that fails."""
    try:
        dvc(shell, *arguments)
    except CommandFailedError as error:
        if names_outage(error.output):
            raise ConnectionError(str(error)) from error
        raise


@task(cache_policy=NO_CACHE)
def check_parameters(shell: Shell) -> None:
    """Refuse wrong parameters before anything is started."""
    python(shell, "pipelines.commands.check_params")


@task(cache_policy=NO_CACHE, **RETRIES)
def pull(shell: Shell, *, update_imports: bool) -> None:
    """Fetch what the remote has of the stages' inputs and outputs, and newer imported data."""
    if update_imports and (imported := data_files(shell.folder, only_imports=True)):
        _transfer(shell, "update", *imported)
    if has_remote(shell.folder):
        _transfer(shell, "pull", "--run-cache", "--allow-missing", *known_outputs(shell.folder))
    elif added := data_files(shell.folder):
        dvc(shell, "checkout", *added)  # from the shared cache; nowhere else are they


@task(cache_policy=NO_CACHE, **RETRIES)
def push(shell: Shell) -> None:
    """Send the outputs to the remote, if there is one."""
    if has_remote(shell.folder):
        _transfer(shell, "push", "--run-cache")
    else:
        get_run_logger().info("no DVC remote: the results are in this machine's cache")


@task(task_run_name="{stage}", cache_policy=NO_CACHE)
def reproduce(shell: Shell, stage: str) -> None:
    """Bring one DVC stage up to date; what it depends on already is."""
    with _slot(stage):
        try:
            command = [sys.executable, "-m", "dvc", "repro", "--single-item", stage]
            shell.run(stage, command, say=Progress(stage))
        except CommandFailedError:
            if stage == "prepare":
                show_data_check(shell.folder)
            raise


reproduce_with_retries = reproduce.with_options(**RETRIES)


def reproduce_all(shell: Shell, stages: list[str]) -> None:
    """Bring stages up to date, in this order."""
    for stage in stages:
        (reproduce_with_retries if stage == "register" else reproduce)(shell, stage)


def _slot(stage: str) -> AbstractContextManager[None]:
    """A free place to train, waited for; a server without that limit has as many as you like."""
    if stage not in _TRAIN:
        return nullcontext()
    get_run_logger().info("waiting for one of the slots of %s", TRAINING_SLOTS)
    # A training is not given up because the server cannot be told that it still holds its slot.
    return concurrency(
        TRAINING_SLOTS, lease_duration=_LEASE_S, raise_on_lease_renewal_failure=False
    )
