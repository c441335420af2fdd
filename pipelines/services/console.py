"""`up` and `down` for a person at a console: each returns the text that is shown in the end.

Prefect is imported only when `start_services` is called: it reads its settings on import.
"""

import logging
import os
from pathlib import Path

from pipelines.services import supervisord
from pipelines.services.addresses import prefect_address
from pipelines.services.layout import locked, make_folders, prefect_home
from pipelines.services.prefect_toml import remove_prefect_toml


def start_services(project: Path, *, concurrency: int | None, training_slots: int | None) -> str:
    """Start the servers and the worker of `project` with the variables of this process.

    The limits are those of `pipelines.services.up.up`. Raises UserError or an OSError that says
    what to do.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # httpx logs each request at level INFO
    environment = dict(os.environ)
    prefect_address(environment)  # Prefect's import would tell of a wrong one in lines of its own
    make_folders(project)
    # Prefect reads its home when it is imported, and that shall not be the user's own; except
    # where that may hold a login to a server elsewhere.
    if not os.environ.get("PREFECT_API_URL"):
        os.environ["PREFECT_HOME"] = str(prefect_home(project))
    from pipelines.services.report import describe
    from pipelines.services.up import up

    running = up(
        project, environment=environment, concurrency=concurrency, training_slots=training_slots
    )
    return describe(running)


def stop_services(project: Path) -> str:
    """Stop what `start_services` has started in `project`: the worker with its flow runs first."""
    with locked(project):
        stopped = supervisord.running_programs(project)[::-1]
        supervisord.shut_down(project)
        remove_prefect_toml(project)
    return f"stopped: {', '.join(stopped)}\n" if stopped else "nothing runs here\n"
