"""`python -m pipelines.services up` and `down`, for the project in the current folder."""

import argparse
import sys
from pathlib import Path

from pipelines.entrypoint import run
from pipelines.services.console import start_services, stop_services


def main() -> None:
    """Run the command that the command line names."""
    arguments = _parse(sys.argv[1:])
    if arguments.command == "up":
        limits = {name: getattr(arguments, name) for name in ("concurrency", "training_slots")}
        sys.stdout.write(start_services(Path.cwd(), **limits))
    else:
        sys.stdout.write(stop_services(Path.cwd()))


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
    commands.add_parser("down", help="stop what `up` has started")
    return parser.parse_args(command_line)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, got {text!r}")
    return int(text)


if __name__ == "__main__":
    run(main)
