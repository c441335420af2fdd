"""After which failures Prefect tries a task again."""

from pathlib import Path

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_API_URL, temporary_settings

from pipelines.flows import commands
from pipelines.processes.shell import CommandFailedError
from tests.support.served_project import ServedProject

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_command_or_a_file_may_pass_and_a_defect_does_not(
    served: ServedProject, tmp_path: Path
) -> None:
    """The real engine asks the condition, as it does for the tasks of the flows."""
    errors = {
        "command": CommandFailedError("register", exit_code=75, output="no answer"),
        "file": ConnectionError("no route to host"),
        "name": CommandFailedError("push", exit_code=1, output="no such remote"),
        "value": ValueError("a wrong call"),
        "defect": AttributeError("no such name"),
    }
    retries = commands.RETRIES | {"retry_delay_seconds": 0}

    @task(cache_policy=NO_CACHE, **retries)
    def fail(name: str) -> None:
        with (tmp_path / name).open("a") as tries:
            tries.write("x")
        raise errors[name]

    @flow
    def run() -> None:
        for name in errors:
            fail(name, return_state=True)

    with temporary_settings({PREFECT_API_URL: served.api}):
        run(return_state=True)
    tries = {name: len((tmp_path / name).read_text()) for name in errors}
    assert tries == {"command": 4, "file": 4, "name": 1, "value": 1, "defect": 1}
