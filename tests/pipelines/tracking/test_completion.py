import dataclasses
import json
import re
import shutil
import time
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from mlflow import MlflowClient

from pipelines.runs.folder import Folder, open_folder
from pipelines.tracking.connection import connected
from pipelines.tracking.live_run import LiveRun
from pipelines.tracking.run_file import read_run_json
from pipelines.tracking.train_record import read_train_record, write_train_record
from pipelines.tracking.uri import tracking_uri, without_password
from pix2pix.config import Params, parse_params
from tests.support.mlflow_process import closed_port
from tests.support.tracked_project import (
    HISTORY,
    ORIGIN,
    SCORES,
    STARTED_S,
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


def test_a_run_says_what_it_was_made_of(uri: str, project: Path, default_params: Params) -> None:
    held = everything(uri, complete(uri, project, default_params).run_id)
    ended_ms = round((STARTED_S + 40) * 1000)
    assert held["times"] == (round(STARTED_S * 1000), ended_ms, "FINISHED")
    params = held["params"]
    assert params["train.learning_rate"] == "0.0002"
    assert "model.depth" not in params  # null
    assert params["data.side_a.kind"] == "labels"
    [(dataset, context)] = held["inputs"]
    assert (dataset["name"], dataset["digest"]) == ("facades-drawn", "d" * 16)
    assert json.loads(dataset["profile"]) == {"num_train": 5, "num_dev": 2, "num_test": 4}
    assert context == [("mlflow.data.context", "training")]
    assert set(held["tags"]) == {
        "mlflow.loggedImages",
        "mlflow.note.content",
        "mlflow.runName",
        "mlflow.source.git.commit",
        "mlflow.source.git.dirty",
        "mlflow.source.name",
        "mlflow.source.type",
        "pix2pix.data_hash",
        "pix2pix.python",
        "pix2pix.run_key",
        "pix2pix.torch",
    }
    assert held["tags"]["pix2pix.data_hash"] == "d" * 64


def test_the_files_by_which_dvc_knows_the_outputs_are_one_file_of_the_run(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    hashes = read_run_json(MlflowClient(uri), run.run_id, Path("files.json"))["dvc_md5"]
    assert (hashes["data/prepared"], hashes["models"]) == ("aa.dir", "bb.dir")
    assert len(hashes["reports/metrics.json"]) == 32
    assert "reports/register.json" not in hashes  # it is written after the run


def test_a_file_of_the_run_has_all_parameters(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    held = read_run_json(MlflowClient(uri), run.run_id, Path("params.json"))
    assert parse_params(held) == default_params


def test_the_description_has_scores_grid_and_origin_and_keeps_what_a_person_adds(
    uri: str, project: Path, default_params: Params
) -> None:
    run = complete(uri, project, default_params)
    client = MlflowClient(uri)
    note = client.get_run(run.run_id).data.tags["mlflow.note.content"]
    assert "| l1 | 0.1 | 0.3 |" in note
    [path] = re.findall(r"get-artifact\?path=(\S+)&run_uuid", note)
    assert unquote_plus(path) in {item.path for item in client.list_artifacts(run.run_id, "images")}
    assert f"`{ORIGIN.commit[:7]}`, with local changes" in note
    client.set_tag(run.run_id, "mlflow.note.content", f"{note} Too blurred.")
    metrics = project / "reports" / "metrics.json"
    metrics.write_text(json.dumps(SCORES | {"test": SCORES["test"] | {"l1": 0.0625}}))
    complete(uri, project, default_params)
    changed = client.get_run(run.run_id).data.tags["mlflow.note.content"]
    assert changed == f"{note.replace('| l1 | 0.1 |', '| l1 | 0.0625 |')} Too blurred."
    client.set_tag(run.run_id, "mlflow.note.content", "My own text.")
    complete(uri, project, default_params)
    assert client.get_run(run.run_id).data.tags["mlflow.note.content"] == "My own text."


def test_runs_of_equal_parameters_have_names_of_their_own(
    uri: str, project: Path, default_params: Params
) -> None:
    complete(uri, project, default_params)
    path = project / "reports" / "train.json"
    for key in ("second", "third"):
        write_train_record(path, dataclasses.replace(read_train_record(path), run_key=key))
        run = complete(uri, project, default_params)
    names = {run.info.run_name for run in MlflowClient(uri).search_runs([run.experiment_id])}
    name = read_train_record(path).name
    assert names == {name, f"{name} #2", f"{name} #3"}


def test_a_run_says_what_it_was_trained_with_not_what_registers_it(
    uri: str, project: Path, default_params: Params
) -> None:
    """The files hold an origin that is neither this checkout's nor this environment's."""
    run = complete(uri, project, default_params)
    tags = MlflowClient(uri).get_run(run.run_id).data.tags
    assert {key: tags[key] for key in tags if ".git." in key} == {
        "mlflow.source.git.commit": ORIGIN.commit,
        "mlflow.source.git.dirty": "true",
    }
    assert (tags["pix2pix.python"], tags["pix2pix.torch"]) == (ORIGIN.python, ORIGIN.torch)
    path = MlflowClient(uri).download_artifacts(run.run_id, "environment/requirements.txt")
    assert Path(path).read_text() == ORIGIN.packages


def test_scores_are_test_metrics_without_an_epoch_at_the_end_of_the_training(
    uri: str, project: Path, default_params: Params
) -> None:
    points = metric_points(uri, complete(uri, project, default_params).run_id)
    scores = {key: held for key, held in points.items() if key.startswith("test/")}
    ended_ms = round((STARTED_S + 40) * 1000)
    assert scores == {
        "test/l1": [(0, 0.1, ended_ms)],
        "test/l1_low": [(0, 0.09, ended_ms)],
        "test/psnr_db": [(0, 10.5, ended_ms)],
        "test/num_images": [(0, 4.0, ended_ms)],
        "test/baseline_mean_target/l1": [(0, 0.3, ended_ms)],
        "test/baseline_untrained/l1": [(0, 0.5, ended_ms)],
    }


def test_samples_are_images_of_their_epoch_and_reports_are_files(
    uri: str, project: Path, default_params: Params
) -> None:
    names = [
        name for name, _ in everything(uri, complete(uri, project, default_params).run_id)["files"]
    ]
    steps = {0: HISTORY[0], 2: HISTORY[2], 3: HISTORY[3]}
    for epoch, line in steps.items():
        stem = f"images/samples+step+{epoch}+timestamp+{round(line['time_s'] * 1000)}+ID"
        assert [name for name in names if name.startswith(stem)] == [
            f"{stem}+compressed.webp",
            f"{stem}.png",
        ]
    assert [name for name in names if not name.startswith("images/")] == [
        "environment/requirements.txt",
        "files.json",
        "params.json",
        "reports/augmentation.png",
        "reports/history.jsonl",
        "reports/metrics.json",
        "reports/per_image.csv",
        "reports/train.json",
    ]


def test_completing_twice_changes_nothing(uri: str, project: Path, default_params: Params) -> None:
    first = complete(uri, project, default_params)
    held = everything(uri, first.run_id)
    assert complete(uri, project, default_params) == first
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
    assert complete(uri, project, default_params) == run
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


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database " * 100)
    with (
        pytest.raises(ConnectionError, match=r"notes\.db cannot be used"),
        connected(f"sqlite:///{path}"),
    ):
        pass


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


def test_the_default_database_lies_in_the_current_folder_with_the_files_beside_it(
    tmp_path: Path, project: Path, default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "a folder"
    new_database(folder)
    monkeypatch.chdir(folder)
    uri = tracking_uri()
    assert uri == f"sqlite:///{folder}/mlflow.db"
    monkeypatch.chdir(tmp_path)  # as a worker, elsewhere
    complete(uri, project, default_params)
    assert sorted(path.name for path in folder.iterdir()) == ["mlartifacts", "mlflow.db"]
    assert list(folder.rglob("history.jsonl")) != []
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("configured", "meant"),
    [
        ("sqlite:///runs/x.db", "sqlite:///{here}/runs/x.db"),
        ("sqlite:////data/x.db", "sqlite:////data/x.db"),
        ("http://mlflow:5000", "http://mlflow:5000"),
    ],
)
def test_mlflows_own_variable_selects_the_server(
    configured: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", configured)
    assert tracking_uri() == meant.format(here=tmp_path)


def test_a_password_is_not_shown() -> None:
    assert without_password("http://ann:s3cret@mlflow:5000/x") == "http://ann:***@mlflow:5000/x"
    assert without_password("sqlite:////data/a@b:c/mlflow.db") == "sqlite:////data/a@b:c/mlflow.db"
    assert without_password("http://mlflow:5000") == "http://mlflow:5000"
