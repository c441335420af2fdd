"""What the tests of several verbs use."""

import shutil
from pathlib import Path

import pytest

from pipelines.repository.presets import complete_preset
from tests.support.project import ROOT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the presets, and the default in force; the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / "params.yaml").write_text(complete_preset("default", ROOT))
    return tmp_path
