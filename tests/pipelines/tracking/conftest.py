"""A finished training as files, and an empty MLflow."""

from pathlib import Path

import pytest

from pipelines.tracking import reconciler
from pipelines.tracking.live_run import LiveRun
from pix2pix.config import Params
from tests.support.followed_run import Live
from tests.support.tracked_project import (
    described,
    new_database,
    write_project,
    write_samples,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return new_database(tmp_path / "mlflow")


@pytest.fixture
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask an MLflow that could not be used again without a long pause."""
    monkeypatch.setattr(reconciler, "_MIN_PAUSE_S", 0.05)


@pytest.fixture
def live(tmp_path: Path, default_params: Params) -> Live:
    samples = write_samples(tmp_path / "samples")

    def live(uri: str, params: Params = default_params) -> LiveRun:
        return LiveRun(uri, described(params), samples=samples)

    return live
