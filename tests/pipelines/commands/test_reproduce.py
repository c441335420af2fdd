"""`pix2pix reproduce`: what its options ask of the reproduction."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pix2pix.errors import UserError


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ([], {}),
        (["--keep"], {"keeps": True}),
        (["--allow-changed-environment"], {"allows_changes": True}),
    ],
)
def test_each_option_is_passed_on(
    options: list[str], changed: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def reproduce(model: str, project_dir: Path, **chosen: Any) -> None:
        asked.append({"model": model, "project_dir": project_dir, **chosen})
        raise UserError("no such version")

    monkeypatch.setattr("pipelines.reproduction.reproduce.reproduce", reproduce)
    done = CliRunner().invoke(app, ["reproduce", "models:/drawn/3", *options])
    assert (done.exit_code, "no such version" in done.stderr) == (1, True)
    plain = {"model": "models:/drawn/3", "project_dir": Path()}
    assert asked == [plain | {"allows_changes": False, "keeps": False} | changed]
