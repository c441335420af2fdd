"""`python -m pipelines.services up` and `down`, for the project in the current folder."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from pipelines.entrypoint import run
from pipelines.services.layout import prefect_home
from pipelines.services.stopping import down


def main() -> None:
    """Do what the command line says."""
    arguments = _parse(sys.argv[1:])
    if arguments.command == "up":
        _up(arguments)
    else:
        _down()


def _parse(command_line: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipelines.services")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start Prefect, MLflow and a worker")
    starting.add_argument(
        "--concurrency", type=_positive, metavar="N", help="flow runs at once (at first 4)"
    )
    starting.add_argument(
        "--training-slots", type=_positive, metavar="N", help="trainings at once (at first 1)"
    )
    commands.add_parser("down", help="stop what `up` started")
    return parser.parse_args(command_line)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, got {text!r}")
    return int(text)


def _up(arguments: argparse.Namespace) -> None:
    _hear_interrupts()
    project, environment = Path.cwd(), dict(os.environ)
    prefect_home(project).mkdir(parents=True, exist_ok=True)
    _prepare_prefect(project)
    from pipelines.services.report import describe
    from pipelines.services.up import Limits, up

    limits = Limits(concurrency=arguments.concurrency, training_slots=arguments.training_slots)
    sys.stdout.write(describe(up(project, environment=environment, limits=limits)))


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


def _down() -> None:
    _prepare_prefect(Path.cwd())
    stopped = down(Path.cwd())
    sys.stdout.write(f"stopped: {', '.join(stopped)}\n" if stopped else "nothing runs here\n")


if __name__ == "__main__":
    run(main)
