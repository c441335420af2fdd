"""Tasks that run DVC's commands and the project's programs in a workspace."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect import State, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.concurrency.sync import concurrency

from pipelines.flows.data_check import show_data_check
from pipelines.flows.names import TRAINING_SLOTS
from pipelines.flows.outages import may_succeed_later, naming_outages
from pipelines.flows.progress import Progress
from pipelines.processes.shell import CommandFailedError, Shell
from pipelines.repository.dvc_project import data_files, has_remote, known_outputs

_TRAIN = ("train", "tune")
_LEASE_S = 60  # Prefect's minimum; a run that was killed occupies its slot for this time


def _may_pass(_task: Any, _task_run: Any, state: State) -> bool:
    """Whether the failure may pass: the network, a server or storage failed, not the program."""
    return may_succeed_later(state.result(raise_on_failure=False))


# Options of tasks that use the network, a server or storage, which may fail for a while.
RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [10.0, 30.0, 90.0],
    "retry_condition_fn": _may_pass,
}


def python(shell: Shell, module: str, *arguments: str) -> None:
    """Run a program of the project; its output is written to the log of the task or flow."""
    name = module.rpartition(".")[2]
    shell.run_module(name, module, *arguments, say=get_run_logger().info)


def pix2pix(shell: Shell, verb: str, *arguments: str) -> None:
    """Run a verb of the console command `pix2pix`, as `python` runs a program."""
    shell.run_module(verb, "pipelines", verb, *arguments, say=get_run_logger().info)


def dvc(shell: Shell, *arguments: str, name: str = "") -> None:
    """Run a command of DVC."""
    shell.run_module(name or arguments[0], "dvc", *arguments, say=get_run_logger().info)


def _transfer(shell: Shell, *arguments: str) -> None:
    """Run a DVC command that uses a remote. Raises ConnectionError if the remote is unreachable."""
    with naming_outages():
        dvc(shell, *arguments)


@task(cache_policy=NO_CACHE)
def check_parameters(shell: Shell) -> None:
    """Fail if a parameter is wrong, before any stage starts."""
    pix2pix(shell, "check")


@task(cache_policy=NO_CACHE, **RETRIES)
def pull(shell: Shell, *, update_imports: bool) -> None:
    """Pull inputs and outputs of the stages from the remote; update imported data if asked to."""
    if update_imports and (imported := data_files(shell.folder, only_imports=True)):
        _transfer(shell, "update", *imported)
    if has_remote(shell.folder):
        _transfer(shell, "pull", "--run-cache", "--allow-missing", *known_outputs(shell.folder))
    elif added := data_files(shell.folder):
        dvc(shell, "checkout", *added)  # without a remote, only the shared cache has them


@task(cache_policy=NO_CACHE, **RETRIES)
def push(shell: Shell) -> None:
    """Send the outputs to the remote, if there is one."""
    if has_remote(shell.folder):
        _transfer(shell, "push", "--run-cache")
    else:
        get_run_logger().info("no DVC remote: the results are in this machine's cache")


@task(task_run_name="{stage}", cache_policy=NO_CACHE, **RETRIES)
def reproduce(shell: Shell, stage: str) -> None:
    """Bring one DVC stage up to date; the stages that it depends on must be up to date.

    A training that is tried again continues from its last checkpoint.
    """
    with _slot(stage):
        try:
            shell.run_module(stage, "dvc", "repro", "--single-item", stage, say=Progress(stage))
        except CommandFailedError:
            if stage == "prepare":
                show_data_check(shell.folder)
            raise


def reproduce_all(shell: Shell, stages: list[str]) -> None:
    """Bring stages up to date, in this order."""
    for stage in stages:
        reproduce(shell, stage)


def _slot(stage: str) -> AbstractContextManager[None]:
    """Wait for a slot of `TRAINING_SLOTS` if the stage trains, and occupy it in the context.

    If the server has no such limit, there is no wait.
    """
    if stage not in _TRAIN:
        return nullcontext()
    get_run_logger().info("waiting for one of the slots of %s", TRAINING_SLOTS)
    # A training goes on even if the server does not answer when the lease of the slot is renewed.
    return concurrency(
        TRAINING_SLOTS, lease_duration=_LEASE_S, raise_on_lease_renewal_failure=False
    )
