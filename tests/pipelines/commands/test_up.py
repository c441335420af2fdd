"""`pix2pix up`: what its options ask of the services."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ([], {}),
        (["--concurrency", "8"], {"concurrency": 8}),
        (["--training-slots", "2"], {"training_slots": 2}),
    ],
)
def test_each_limit_is_passed_on(
    options: list[str], changed: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def start_services(project: Path, **limits: Any) -> str:
        asked.append({"project": project, **limits})
        return "lines\n"

    monkeypatch.setattr("pipelines.services.console.start_services", start_services)
    done = CliRunner().invoke(app, ["up", *options])
    assert (done.exit_code, done.stdout) == (0, "lines\n")
    nothing = {"project": Path.cwd(), "concurrency": None, "training_slots": None}
    assert asked == [nothing | changed]
