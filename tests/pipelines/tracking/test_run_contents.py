"""What a run made from files says: parameters, scores, files and description."""

import dataclasses
import json
import re
from pathlib import Path
from urllib.parse import unquote_plus

from mlflow import MlflowClient

from pipelines.tracking.run_file import read_run_json
from pipelines.tracking.train_record import read_train_record, write_train_record
from pix2pix.config import Params, parse_params
from tests.support.tracked_project import (
    HISTORY,
    ORIGIN,
    SCORES,
    STARTED_S,
    USER,
    complete,
    everything,
    metric_points,
)


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
        "mlflow.user",
        "pix2pix.data_hash",
        "pix2pix.python",
        "pix2pix.run_key",
        "pix2pix.torch",
    }
    assert held["tags"]["pix2pix.data_hash"] == "d" * 64
    assert held["tags"]["mlflow.user"] == USER  # the interface shows it as "Created by"


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
    assert "| l1&emsp; | 0.1&emsp; | 0.3" in note
    [path] = re.findall(r"get-artifact\?path=(\S+)&run_uuid", note)
    assert unquote_plus(path) in {item.path for item in client.list_artifacts(run.run_id, "images")}
    assert f"`{ORIGIN.commit[:7]}`, with local changes" in note
    client.set_tag(run.run_id, "mlflow.note.content", f"{note} Too blurred.")
    metrics = project / "reports" / "metrics.json"
    metrics.write_text(json.dumps(SCORES | {"test": SCORES["test"] | {"l1": 0.0625}}))
    complete(uri, project, default_params)
    changed = client.get_run(run.run_id).data.tags["mlflow.note.content"]
    assert (
        changed
        == f"{note.replace('| l1&emsp; | 0.1&emsp; |', '| l1&emsp; | 0.0625&emsp; |')} Too blurred."
    )
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
