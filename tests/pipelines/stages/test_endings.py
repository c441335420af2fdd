"""However a training or a study is left, its run in MLflow has ended; a defect is no message."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.entrypoint import InterruptionError
from pipelines.stages import train as train_stage
from pipelines.stages import tune as tune_stage
from pix2pix.config import Params
from pix2pix.errors import StorageError, UserError
from tests.support.tracked_project import small_manifest

ENDINGS: list[tuple[BaseException, str]] = [
    (InterruptionError("stopped", 15), "KILLED"),
    (KeyboardInterrupt(), "KILLED"),  # the second signal
    (UserError("a wrong value"), "FAILED"),
    (StorageError("the disk is full"), "FAILED"),
    (OSError(28, "No space left on device"), "FAILED"),
    (ValueError("a defect"), "FAILED"),
    (KeyError("a defect"), "FAILED"),
]


@pytest.mark.parametrize(("error", "status"), ENDINGS)
def test_a_study_ends_in_mlflow_whatever_happens(
    default_params: Params, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    ended: list[str] = []

    def fail(*_: Any, **_options: Any) -> None:
        raise error

    live = SimpleNamespace(end=lambda status, _: ended.append(status))
    for name, fake in (
        ("publish_dataset", lambda *_: None),
        ("begun_run", lambda *_, **_options: None),
        ("live_study", lambda *_: live),
        ("TrialJob", lambda **_: None),
        ("run_study", fail),
    ):
        monkeypatch.setattr(tune_stage, name, fake)
    state: Any = SimpleNamespace(folder=None)
    manifest = small_manifest(default_params)
    placement: Any = None
    with pytest.raises(type(error)):
        tune_stage._tune(default_params, manifest, state, placement, parent=None)
    assert ended == [status]


@pytest.mark.parametrize(("error", "status"), ENDINGS)
def test_a_training_ends_in_mlflow_whatever_happens(
    default_params: Params, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str
) -> None:
    ended: list[str] = []

    def fail(*_: Any, **_options: Any) -> None:
        raise error

    def mark(*_: Any, status: str) -> None:
        ended.append(status)

    for name, fake in (
        ("publish_dataset", lambda *_: None),
        ("node_metrics", lambda *_: None),
        ("LiveRun", lambda *_, **_options: None),
        ("train", fail),
        ("mark_ended", mark),
    ):
        monkeypatch.setattr(train_stage, name, fake)
    state: Any = SimpleNamespace(folder=Path("runs/x"), run_key="abc", started_s=1.0)
    rest: Any = None
    with pytest.raises(type(error)) as raised:
        train_stage._train(
            default_params,
            small_manifest(default_params),
            placement=rest,
            state=state,
            description=rest,
            parent=None,
        )
    assert ended == [status]
    assert ("training failed" in str(raised.value)) == isinstance(error, UserError)
