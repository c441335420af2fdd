"""`pix2pix export`: what its options ask of the export."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app

PLAIN: dict[str, Any] = {
    "modes": ("published", "deterministic"),
    "smaller": [],
    "has_page": True,
}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ([], {}),
        (["--mode", "published"], {"modes": ("published",)}),
        (["--mode", "deterministic"], {"modes": ("deterministic",)}),
        (["--fp16"], {"smaller": ["fp16"]}),
        (["--int8"], {"smaller": ["int8"]}),
        (["--int8", "--fp16", "--no-page"], {"smaller": ["fp16", "int8"], "has_page": False}),
    ],
)
def test_each_option_is_passed_on(
    options: list[str], changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(
        "pipelines.registry.export.export_model",
        lambda *given, **keywords: asked.append((given, keywords)),
    )
    done = CliRunner().invoke(app, ["export", "models", "out", *options])
    assert done.exit_code == 0, done.stderr
    assert asked == [(("models", Path("out")), PLAIN | changed)]
