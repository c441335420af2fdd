"""A run that is completed from files, whatever it held before."""

import dataclasses
import json
import shutil
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.runs.folder import Folder, open_folder
from pipelines.tracking.live_run import LiveRun
from pipelines.tracking.train_record import read_train_record, write_train_record
from pix2pix.config import Params
from tests.support.mlflow_process import closed_port
from tests.support.tracked_project import (
    HISTORY,
    SCORES,
    complete,
    described,
    everything,
    history_points,
    metric_points,
    new_database,
)


def live(uri: str, params: Params, samples: Folder) -> LiveRun:
    return LiveRun(uri, described(params), samples=samples)


def without_scores(points: dict[str, list[tuple[int, float, int]]]) -> dict[str, object]:
    return {key: held for key, held in points.items() if not key.startswith("test/")}


def test_a_run_made_from_files_holds_the_history_at_its_own_epochs_and_times(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    assert without_scores(metric_points(uri, run.run_id)) == history_points(HISTORY)


def test_completing_twice_changes_nothing(uri: str, project: Path, default_params: Params) -> None:
    first = complete(uri, project, default_params)
    held = everything(uri, first.run_id)
    assert complete(uri, project, default_params).run_id == first.run_id
    assert everything(uri, first.run_id) == held
    assert len(MlflowClient(uri).search_runs([first.experiment_id])) == 1


def test_a_lost_run_is_made_anew_as_it_was(
    tmp_path: Path, project: Path, default_params: Params
) -> None:
    held = []
    for name in ("first", "second"):
        uri = new_database(tmp_path / name)
        held.append(everything(uri, complete(uri, project, default_params).run_id))
    assert held[0] == held[1]


def test_a_followed_training_that_lost_epochs_gets_exactly_these(
    uri: str, project: Path, default_params: Params
) -> None:
    samples = open_folder(str(project / "reports" / "samples"))
    with live(uri, default_params, samples) as run:
        run.update([HISTORY[0], HISTORY[2]])
    [followed] = MlflowClient(uri).search_runs(
        [MlflowClient(uri).get_experiment_by_name("pix2pix").experiment_id]
    )
    followed_points = metric_points(uri, followed.info.run_id)
    assert [point[0] for point in followed_points["dev/l1"]] == [0, 2]
    completed = complete(uri, project, default_params)
    assert completed.run_id == followed.info.run_id
    assert without_scores(metric_points(uri, completed.run_id)) == history_points(HISTORY)
    names = [name for name, _ in everything(uri, completed.run_id)["files"]]
    assert sum(name.startswith("images/") for name in names) == 2 * 3


def test_a_followed_and_completed_run_equals_one_made_from_files(
    tmp_path: Path, project: Path, default_params: Params
) -> None:
    followed_uri = new_database(tmp_path / "followed")
    with live(followed_uri, default_params, open_folder(str(tmp_path / "no samples"))) as run:
        run.update(HISTORY)
    made_uri = new_database(tmp_path / "made")
    held = [
        everything(uri, complete(uri, project, default_params).run_id)
        for uri in (followed_uri, made_uri)
    ]
    assert held[0] == held[1]


def test_a_model_evaluated_again_shows_its_latest_scores(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    path = project / "reports" / "metrics.json"
    for l1 in (0.2, 0.05, 0.2):  # the same value may come back
        path.write_text(json.dumps(SCORES | {"test": SCORES["test"] | {"l1": l1}}))
        complete(uri, project, default_params)
        assert MlflowClient(uri).get_run(run.run_id).data.metrics["test/l1"] == l1
        shutil.copytree(
            MlflowClient(uri).download_artifacts(run.run_id, "reports"),
            project / f"held_{l1}",
            dirs_exist_ok=True,
        )
        held = json.loads((project / f"held_{l1}" / "metrics.json").read_text())
        assert held["test"]["l1"] == l1
    assert len(metric_points(uri, run.run_id)["test/psnr_db"]) == 1


def test_other_parameters_under_the_key_of_a_run_are_named_not_fatal(
    uri: str, project: Path, default_params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    run = complete(uri, project, default_params)
    path = project / "reports" / "train.json"
    train = read_train_record(path)
    augment = {**train.params["augment"], "noise": 0.25}
    changed = dataclasses.replace(train, params={**train.params, "augment": augment})
    write_train_record(path, changed)
    assert complete(uri, project, default_params).run_id == run.run_id
    assert f"MLflow run {run.run_id} keeps its first augment.noise" in caplog.text


def test_completing_says_within_seconds_which_server_is_down(
    project: Path, default_params: Params
) -> None:
    uri = f"http://127.0.0.1:{closed_port()}"
    started_s = time.monotonic()
    with pytest.raises(ConnectionError, match=f"{uri} cannot be used") as raised:
        complete(uri, project, default_params)
    assert "set MLFLOW_TRACKING_URI" in str(raised.value)
    assert time.monotonic() - started_s < 3


def test_a_deleted_experiment_is_named_with_the_way_back(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    MlflowClient(uri).delete_experiment(run.experiment_id)
    with pytest.raises(ValueError, match=f"mlflow experiments restore -x {run.experiment_id}"):
        complete(uri, project, default_params)


def test_a_deleted_run_is_made_anew(uri: str, project: Path, default_params: Params) -> None:
    run = complete(uri, project, default_params)
    held = everything(uri, run.run_id)
    MlflowClient(uri).delete_run(run.run_id)
    again = complete(uri, project, default_params)
    assert again.run_id != run.run_id
    assert everything(uri, again.run_id) == held
