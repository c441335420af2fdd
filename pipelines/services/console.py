"""What `pix2pix up` and `pix2pix down` do, for the project in a folder."""

import logging
import os
import signal
from pathlib import Path

from pipelines.services.layout import prefect_home
from pipelines.services.stopping import down


def start_services(project: Path, *, concurrency: int | None, training_slots: int | None) -> str:
    """Start what does not run yet; returns the lines that describe what runs."""
    environment = dict(os.environ)
    _hear_interrupts()
    prefect_home(project).mkdir(parents=True, exist_ok=True)
    _prepare_prefect(project)
    from pipelines.services.report import describe
    from pipelines.services.up import Limits, up

    limits = Limits(concurrency=concurrency, training_slots=training_slots)
    return describe(up(project, environment=environment, limits=limits))


def stop_services(project: Path) -> str:
    """Stop what `start_services` started; returns a line that names what was stopped."""
    _prepare_prefect(project)
    stopped = down(project)
    return f"stopped: {', '.join(stopped)}\n" if stopped else "nothing runs here\n"


def _hear_interrupts() -> None:
    """What a shell starts in the background is deaf to SIGINT, and so is all that it starts.

    Prefect's worker, told to end by SIGTERM, ends by a SIGINT to itself.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _prepare_prefect(project: Path) -> None:
    """Prefect makes a home when it is imported, which shall not be the user's.

    Except where that may hold a login to a server elsewhere.
    """
    if "PREFECT_API_URL" not in os.environ:
        os.environ["PREFECT_HOME"] = str(prefect_home(project))
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each request
