"""Who started a run is known as MLflow's own clients know it."""

from pathlib import Path

import pytest
from mlflow.tracking.context.default_context import DefaultRunContext
from mlflow.utils.mlflow_tags import MLFLOW_USER

from pipelines.runs.folder import open_folder
from pipelines.runs.state import RunningState
from pipelines.tracking.begun_run import begun_run
from pipelines.tracking.user import current_user
from pix2pix.config import Params
from tests.support.tracked_project import ORIGIN, small_manifest


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)


@pytest.mark.parametrize("at_server", [None, "", "ann"])
def test_it_is_whom_mlflows_own_client_names(
    at_server: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ben")
    if at_server is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", at_server)
    assert current_user() == (at_server or "ben")
    assert DefaultRunContext().tags()[MLFLOW_USER] == current_user()


def test_a_run_that_begins_is_of_this_user(
    default_params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    state = RunningState(open_folder(str(tmp_path)), "key", 1.0, is_new=True)
    begun = begun_run(
        default_params, small_manifest(default_params), state, origin=ORIGIN, parent=None
    )
    assert begun.user == "ann"
