"""Flows under a real Prefect server and worker, with real DVC, Ray and MLflow."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from mlflow import MlflowClient

from tests.pipelines.flows.served_project import ServedProject, served_project

pytestmark = [pytest.mark.pipeline, pytest.mark.server]

TRAIN = "train-pix2pix/train-pix2pix"
# Cut off in the middle: progress is said every 15 s, and Ray takes two checkpoints a second.
LONG = {"num_epochs": 80}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProject]:
    with served_project(tmp_path_factory.mktemp("served")) as project:
        yield project


@pytest.fixture(scope="module")
def first(served: ServedProject) -> dict[str, Any]:
    """The first run of the committed parameters."""
    return served.completed(served.start(TRAIN))


def _experiment_of(served: ServedProject, run: dict[str, Any]) -> str:
    return next(name for name in served.experiments() if name.endswith(run["id"][:8]))


def _client(served: ServedProject) -> MlflowClient:
    return MlflowClient(served.mlflow_url)


def test_its_stages_are_tasks_in_the_order_of_dvc(
    served: ServedProject, first: dict[str, Any]
) -> None:
    tasks = served.task_runs(first["id"])
    stages = [name for name in tasks if "_" not in name and "-" not in name]
    assert stages == ["ingest", "prepare", "train", "evaluate", "register"]
    assert set(tasks.values()) == {"COMPLETED"}
    log = served.log(first["id"])
    assert "Running stage 'train':" in log
    assert "INFO best dev L1" in log


def test_experiment_run_and_model_version_name_each_other(
    served: ServedProject, first: dict[str, Any]
) -> None:
    name = _experiment_of(served, first)
    client = _client(served)
    version = client.get_model_version("pix2pix-tiny", "1")
    run = client.get_run(version.run_id or "")
    for tags in (version.tags, run.data.tags):
        assert tags["dvc.experiment"] == name
        assert tags["prefect.flow_run_id"] == first["id"]
    commit = run.data.tags["dvc.experiment_commit"]
    said = served.run("git", "show", "--no-patch", "--format=%B", commit).stdout
    assert first["id"] in said
    assert version.run_id in said
    assert "pix2pix-tiny/1" in said
    assert name in first["state"]["message"]


def test_the_working_copy_is_as_it_was_and_the_workspace_is_gone(
    served: ServedProject, first: dict[str, Any]
) -> None:
    assert served.run("git", "status", "--porcelain").stdout == ""
    assert not (served.folder / "models").exists()
    assert served.workspaces() == []


def test_artifacts_show_scores_pictures_and_links(
    served: ServedProject, first: dict[str, Any]
) -> None:
    artifacts = served.artifacts(first["id"])
    assert set(artifacts) >= {"scores", "samples", "best-panels", "result", "mlflow-run"}
    assert '"dev/l1"' in str(artifacts["scores"]["data"])
    assert artifacts["samples"]["data"].startswith("data:image/jpeg;base64,")
    version = _client(served).get_model_version("pix2pix-tiny", "1")
    assert f"{served.mlflow_url}/#/experiments/" in artifacts["mlflow-run"]["data"]
    assert version.run_id in artifacts["mlflow-run"]["data"]
    assert _client(served).get_model_version_by_alias("pix2pix-tiny", "champion").version == "1"


def test_an_experiment_is_applied_to_the_working_copy(
    served: ServedProject, first: dict[str, Any]
) -> None:
    served.run("dvc", "exp", "apply", _experiment_of(served, first))
    assert (served.folder / "models" / "generator.safetensors").is_file()
    assert (served.folder / "dvc.lock").is_file()
    assert "Data and pipelines are up to date" in _repro_of_all_but_register(served)
    served.run("git", "reset", "--hard", "-q")
    kept = (".services", ".workspaces", "prefect.toml", "mlflow.db*", "mlartifacts", ".dvc")
    served.run("git", "clean", "-fdxq", *(part for name in kept for part in ("-e", name)))


def _repro_of_all_but_register(served: ServedProject) -> str:
    return served.run("dvc", "repro", "evaluate").stdout


def test_wrong_values_are_refused_before_anything_is_queued(served: ServedProject) -> None:
    assert "num_epochs" in served.refuse(TRAIN, train={"num_epochs": 0})
    assert "no_such" in served.refuse(TRAIN, train={"no_such": 1})
    assert "fp64" in served.refuse(TRAIN, train={"precision": "fp64"})


def test_values_that_do_not_go_together_fail_in_the_first_task(served: ServedProject) -> None:
    run_id = served.start(TRAIN, data={"image_size": 64, "load_size": 72}, model={"depth": 7})
    failed = served.wait(run_id, "FAILED")
    assert "model.depth 7 halves the image 7 times" in failed["state"]["message"]
    (task,) = served.task_runs(run_id)
    assert task.startswith("check_parameters")


def test_bad_pairs_fail_their_task_with_the_report(served: ServedProject, tmp_path: Path) -> None:
    for number in range(6):
        width = 65 if number == 3 else 64
        pixels = np.random.default_rng(number).integers(0, 256, (32, width, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    run_id = served.start(TRAIN, data={"source": "folder", "path": str(tmp_path)})
    failed = served.wait(run_id, "FAILED")
    assert served.task_runs(run_id)["prepare"] == "FAILED"
    assert "prepare failed (exit code" in failed["state"]["message"]
    assert "3.png" in failed["state"]["message"]
    assert "3.png" in served.artifacts(run_id)["data-check"]["data"]


def test_a_cancelled_run_ends_its_processes_and_the_same_run_continues(
    served: ServedProject,
) -> None:
    long = {"train": LONG | {"seed": 1}}
    run_id = served.start(TRAIN, **long)
    served.wait_for_line(run_id, "epoch ")  # training is under way
    served.run("prefect", "flow-run", "cancel", run_id)
    served.wait(run_id, "CANCELLED")
    _wait_until_nothing_runs(served)
    (left,) = (w for w in served.workspaces() if list(w.glob("checkout/.runs/*/checkpoints/*.pt")))
    again = served.completed(served.start(TRAIN, **long))
    assert "continuing the interrupted training" in served.log(again["id"])
    assert left not in served.workspaces()


def test_a_killed_flow_is_marked_as_crashed_and_its_rerun_continues(served: ServedProject) -> None:
    long = {"train": LONG | {"seed": 2}}
    run_id = served.start(TRAIN, **long)
    served.wait_for_line(run_id, "epoch ")
    _flow_process(served, run_id).kill()
    served.wait(run_id, "CRASHED")
    again = served.completed(served.start(TRAIN, **long))
    assert "continuing the interrupted training" in served.log(again["id"])


def test_ten_runs_at_once_have_results_of_their_own(served: ServedProject) -> None:
    runs = {
        seed: served.start(
            TRAIN, targets=["prepare"], data={"synthetic": {"seed": seed}, "split_seed": seed}
        )
        for seed in range(100, 110)
    }
    finished = {seed: served.completed(run_id, limit_s=900) for seed, run_id in runs.items()}
    experiments = served.experiments()
    hashes = set()
    for seed, run in finished.items():
        data = experiments[_experiment_of(served, run)]
        assert data["params"]["params.yaml"]["data"]["data"]["synthetic"]["seed"] == seed
        hashes.add(data["outs"]["data/raw"]["hash"])
    assert len(hashes) == 10
    assert served.run("git", "status", "--porcelain").stdout == ""


def test_the_nightly_run_skips_data_that_were_trained_on(
    served: ServedProject, first: dict[str, Any]
) -> None:
    skipped = served.completed(served.start("train-pix2pix/nightly"))
    assert skipped["state"]["name"] == "Skipped"
    assert "train" not in served.task_runs(skipped["id"])


def test_a_registered_model_is_evaluated_and_translates(
    served: ServedProject, first: dict[str, Any], tmp_path: Path
) -> None:
    evaluated = served.completed(
        served.start("evaluate-pix2pix/evaluate-pix2pix", model="pix2pix-tiny/1")
    )
    assert "l1" in str(served.artifacts(evaluated["id"])["evaluation"]["data"])
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), np.zeros((40, 48, 3), np.uint8))
    folders = {"input_dir": str(tmp_path / "in"), "output_dir": str(tmp_path / "out")}
    served.completed(
        served.start("translate-pix2pix/translate-pix2pix", model="pix2pix-tiny", **folders)
    )
    assert cv2.imread(str(tmp_path / "out" / "a.png")).shape == (40, 48, 3)


def test_training_goes_on_without_the_server_and_is_found_again(served: ServedProject) -> None:
    long = {"train": LONG | {"seed": 3}}
    run_id = served.start(TRAIN, **long)
    served.wait_for_line(run_id, "epoch ")
    flow = _flow_process(served, run_id)
    server = psutil.Process(_record(served, "prefect-server")["pid"])
    for process in [server, *server.children(recursive=True)]:
        process.kill()
    _wait_for(lambda: _trained(served), limit_s=200)
    served.run("python", "-m", "pipelines.services", "up")
    flow.wait(400)  # Prefect tries again for minutes
    if served.flow_run(run_id)["state_type"] != "COMPLETED":
        again = served.completed(served.start(TRAIN, **long))
        assert "Stage 'train' didn't change, skipping" in served.log(again["id"])


def _trained(served: ServedProject) -> bool:
    """Whether a workspace has a finished training; those of other tests are gone."""
    return any((w / "checkout/reports/train.json").is_file() for w in served.workspaces())


def _record(served: ServedProject, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((served.folder / ".services" / f"{name}.json").read_text())
    return found


def _flow_process(served: ServedProject, run_id: str) -> psutil.Process:
    pid = served.flow_run(run_id)["infrastructure_pid"].rpartition(":")[2]
    return psutil.Process(int(pid))


def _wait_until_nothing_runs(served: ServedProject) -> None:
    _wait_for(lambda: not served.processes(), limit_s=60)


def _wait_for(condition: Any, *, limit_s: float) -> None:
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.3)
