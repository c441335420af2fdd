"""Flows under a real Prefect server and worker, with real DVC, Ray and MLflow."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import numpy as np
import pytest
from mlflow import MlflowClient
from prefect.states import Cancelling

from tests.support.project import Project
from tests.support.served_project import TRAIN, ServedProject, wait_for

pytestmark = [pytest.mark.pipeline, pytest.mark.server]

# Long enough to be cut off in the middle: Ray takes two checkpoints a second.
LONG: dict[str, Any] = {"train": {"num_epochs": 20, "seed": 1}}


@pytest.fixture(scope="module")
def bad_pairs(served: ServedProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A run of pairs of which one is torn, under way."""
    folder = tmp_path_factory.mktemp("pairs")
    for number in range(6):
        width = 65 if number == 3 else 64
        pixels = np.random.default_rng(number).integers(0, 256, (32, width, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    run_id = served.start(TRAIN, data={"source": "folder", "path": str(folder)})
    yield run_id
    served.wait(run_id)  # no other test shall meet it


@dataclass(frozen=True)
class Cancelled:
    """A run that was cancelled while it trained, and where it worked."""

    run_id: str
    workspace: Path


@pytest.fixture(scope="module")
def cancelled(served: ServedProject, bad_pairs: str) -> Cancelled:
    """The other run works at the same time."""
    run_id = served.start(TRAIN, **LONG)
    workspace = served.wait_for_training(run_id)
    with served.client() as client:  # as `prefect flow-run cancel`, at once
        client.set_flow_run_state(UUID(run_id), Cancelling())
    served.wait(run_id, "CANCELLED")
    return Cancelled(run_id, workspace)


@pytest.fixture(scope="module")
def first(served: ServedProject, cancelled: Cancelled) -> dict[str, Any]:
    """The first run that ends with a model: the one that was cancelled, begun again."""
    return served.completed(served.start(TRAIN, **LONG))


@pytest.fixture(scope="module")
def later(
    served: ServedProject, first: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Runs that need a registered model, and a search, at the same time."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "in").mkdir()
    cv2.imwrite(str(folder / "in" / "a.png"), np.zeros((40, 48, 3), np.uint8))
    folders = {"input_dir": str(folder / "in"), "output_dir": str(folder / "out")}
    named = {"model": "pix2pix-tiny/1"}
    few = {"num_trials": 2, "num_epochs": 1, "num_seeds": 0, "scheduler": "none"}
    runs = {
        "search": served.start("tune-pix2pix/tune-pix2pix", tune=few),
        "nightly": served.start("train-pix2pix/nightly"),
        "evaluation": served.start("evaluate-pix2pix/evaluate-pix2pix", **named),
        "translation": served.start(
            "translate-pix2pix/translate-pix2pix",
            **named,
            **folders,
            scale="native",
            max_memory_gib=4.0,
        ),
    }
    yield runs | {"translated": str(folder / "out" / "a.png")}
    for run_id in runs.values():
        served.wait(run_id)


def _client(served: ServedProject) -> MlflowClient:
    return MlflowClient(served.mlflow_url)


def test_a_wrong_value_is_refused_before_anything_is_queued(served: ServedProject) -> None:
    """Which values are wrong, `tests/pipelines/flows/test_parameters.py` says."""
    options = ("-p", 'train={"num_epochs": 0}')
    refused = served.run("prefect", "deployment", "run", TRAIN, *options, check=False)
    assert refused.returncode != 0
    assert "num_epochs" in refused.stdout + refused.stderr


def test_a_cancelled_run_leaves_its_workspace_and_no_process(
    served: ServedProject, cancelled: Cancelled
) -> None:
    wait_for(lambda: not _work_in(served, cancelled.workspace), limit_s=60)
    assert cancelled.workspace.exists()


def _work_in(served: ServedProject, workspace: Path) -> list[int]:
    held = [p for p in served.processes() if str(workspace) in str(p.cwd())]
    return [process.pid for process in held]


def test_the_same_run_continues_what_was_cancelled(
    served: ServedProject, cancelled: Cancelled, first: dict[str, Any]
) -> None:
    assert f"made workspace {cancelled.workspace}," in served.log(cancelled.run_id)
    log = served.log(first["id"])
    assert f"going on in workspace {cancelled.workspace}," in log
    assert "continuing the interrupted training" in log


def test_its_stages_are_tasks_in_the_order_of_dvc(
    served: ServedProject, first: dict[str, Any]
) -> None:
    tasks = served.task_runs(first["id"])
    stages = [name for name in tasks if "_" not in name and "-" not in name]
    assert stages == ["ingest", "prepare", "parent", "train", "evaluate", "register"]
    assert set(tasks.values()) == {"COMPLETED"}
    log = served.log(first["id"])
    assert "Running stage 'train':" in log
    assert "INFO best dev L1" in log
    assert "waiting for one of the slots of pix2pix-training" in log
    assert "skipping acquisition" not in log  # Prefect's words where there is no such limit


def test_experiment_run_and_model_version_name_each_other(
    served: ServedProject, first: dict[str, Any]
) -> None:
    name = served.experiment_of(first["id"])
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
    served: ServedProject, cancelled: Cancelled, first: dict[str, Any]
) -> None:
    assert served.run("git", "status", "--porcelain").stdout == ""
    assert not (served.folder / "models").exists()
    assert not cancelled.workspace.exists()


def test_artifacts_show_scores_pictures_and_links(
    served: ServedProject, first: dict[str, Any]
) -> None:
    artifacts = served.artifacts(first["id"])
    shown = {"train-progress", "scores", "samples", "best-panels", "result", "mlflow-run"}
    assert set(artifacts) >= shown
    assert artifacts["train-progress"]["data"] == 100
    assert '"dev/l1"' in str(artifacts["scores"]["data"])
    assert artifacts["samples"]["data"].startswith("data:image/jpeg;base64,")
    version = _client(served).get_model_version("pix2pix-tiny", "1")
    assert f"{served.mlflow_url}/#/experiments/" in artifacts["mlflow-run"]["data"]
    assert version.run_id in artifacts["mlflow-run"]["data"]


def test_the_first_model_is_the_champion(served: ServedProject, first: dict[str, Any]) -> None:
    (scores,) = (v for k, v in served.artifacts(first["id"]).items() if k == "scores")
    assert "against no champion" in scores["description"]
    assert _client(served).get_model_version_by_alias("pix2pix-tiny", "champion").version


def test_an_experiment_is_applied_to_a_working_copy(
    served: ServedProject, first: dict[str, Any], tmp_path: Path
) -> None:
    """In a clone that shares the cache, so that the project stays as it is."""
    clone = Project(tmp_path)
    clone.run("git", "clone", "-q", "--local", str(served.folder), ".")
    clone.run("git", "fetch", "-q", "origin", "refs/exps/*:refs/exps/*")
    clone.run("dvc", "cache", "dir", "--local", str(served.folder / ".dvc" / "cache"))
    clone.run("dvc", "exp", "apply", served.experiment_of(first["id"]))
    assert (tmp_path / "models" / "generator.safetensors").is_file()
    assert "seed: 1" in (tmp_path / "dvc.lock").read_text()
    stdout = clone.run("dvc", "repro", "evaluate").stdout
    assert re.findall(r"Running stage '(\w+)'", stdout) == ["parent"]  # which always runs


def test_bad_pairs_fail_their_task_with_the_report(served: ServedProject, bad_pairs: str) -> None:
    failed = served.wait(bad_pairs, "FAILED")
    assert served.task_runs(bad_pairs)["prepare"] == "FAILED"
    assert "prepare failed (exit code" in failed["state"]["message"]
    assert "3.png" in failed["state"]["message"]
    assert "3.png" in served.artifacts(bad_pairs)["data-check"]["data"]


def test_the_nightly_run_skips_data_that_were_trained_on(
    served: ServedProject, later: dict[str, str]
) -> None:
    skipped = served.completed(later["nightly"])
    assert skipped["state"]["name"] == "Skipped"
    assert "train" not in served.task_runs(skipped["id"])


def test_a_registered_model_is_evaluated(served: ServedProject, later: dict[str, str]) -> None:
    evaluated = served.completed(later["evaluation"])
    assert "l1" in str(served.artifacts(evaluated["id"])["evaluation"]["data"])


def test_a_registered_model_translates(served: ServedProject, later: dict[str, str]) -> None:
    served.completed(later["translation"])
    assert cv2.imread(later["translated"]).shape == (40, 48, 3)


def test_a_search_ends_with_its_best_parameters_in_an_experiment(
    served: ServedProject, later: dict[str, str]
) -> None:
    searched = served.completed(later["search"])
    made = f"refs/exps/*/*/{served.experiment_of(searched['id'])}"
    commit = served.run("git", "for-each-ref", "--format=%(objectname)", made).stdout.strip()
    best = served.run("git", "show", f"{commit}:reports/tune/best_params.yaml").stdout
    assert "learning_rate" in best
    assert best in served.artifacts(searched["id"])["best-parameters"]["data"]
