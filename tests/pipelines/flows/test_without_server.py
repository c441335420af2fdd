"""The flow as one command: Prefect's temporary server, or a clear word about one that is down."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.pipelines.conftest import Project
from tests.pipelines.flows.served_project import TINY
from tests.pipelines.mlflow_process import closed_port

FLOW = ("python", "-m", "pipelines.flows.train_pix2pix")


@pytest.mark.pipeline
def test_one_command_ends_with_an_experiment_of_the_local_changes(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.set_params("smoke", **TINY)  # not committed
    home = tmp_path_factory.mktemp("home")
    done = project.run("env", f"PREFECT_HOME={home}", *FLOW, "--include-local-changes",
                       "-S", "train.seed=5", "--targets", "prepare")  # fmt: skip
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    (experiment,) = (e for entry in shown for e in entry["experiments"] or [])
    data = experiment["revs"][-1]["data"]
    params = data["params"]["params.yaml"]["data"]
    assert (params["train"]["seed"], params["data"]["name"]) == (5, "tiny")
    assert data["outs"]["data/prepared"]["hash"].endswith(".dir")
    assert experiment["revs"][-1]["name"] in done.stdout + done.stderr
    assert "seed: 5" not in (project.folder / "params.yaml").read_text()


@pytest.mark.pipeline
def test_what_a_search_found_is_used_in_the_run_s_own_workspace(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.set_params("smoke", **TINY)
    home = tmp_path_factory.mktemp("home")
    project.run("env", f"PREFECT_HOME={home}", *FLOW, "--include-local-changes", "--tune-first",
                "-S", "train.seed=6", "--targets", "prepare")  # fmt: skip
    experiment, *_ = project.run("dvc", "exp", "list", "--sha-only").stdout.split()
    shown = project.run("git", "show", f"{experiment}:params.yaml", check=False).stdout
    found = project.run("git", "show", f"{experiment}:reports/tune/best_params.yaml").stdout
    best, used = YAML(typ="safe").load(found), YAML(typ="safe").load(shown)
    assert set(best) == {"train", "model"}
    for section, values in best.items():
        assert {key: used[section][key] for key in values} == values
    assert used["train"]["seed"] == 6
    mine = YAML(typ="safe").load((project.folder / "params.yaml").read_text())
    assert mine["train"]["learning_rate"] == 0.0002
    assert not (project.folder / "reports" / "tune").exists()


@pytest.mark.pipeline
def test_tracked_data_is_pulled_and_what_was_made_is_pushed(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project.set_params("smoke", **TINY, source="folder", path="data/mine")
    pairs, remote = project.folder / "data" / "mine", tmp_path_factory.mktemp("remote")
    pairs.mkdir(parents=True)
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 8, 3), np.uint8)
        large = cv2.resize(pixels, (128, 64), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(pairs / f"{number}.png"), large)
    project.run("dvc", "add", "data/mine")
    project.run("dvc", "remote", "add", "-d", "store", str(remote))
    project.run("dvc", "push")
    project.run("git", "add", "-A")
    project.run("git", "-c", "user.name=t", "-c", "user.email=t@l", "commit", "-qm", "Data")
    shutil.rmtree(pairs)
    shutil.rmtree(project.folder / ".dvc" / "cache")
    before = set(_objects(remote))
    home = tmp_path_factory.mktemp("home")
    project.run("env", f"PREFECT_HOME={home}", *FLOW, "--targets", "prepare")
    assert before < set(_objects(remote))
    (experiment,) = project.run("dvc", "exp", "list", "--sha-only").stdout.split()
    listed = project.run("dvc", "list", ".", "data/prepared", "--rev", experiment).stdout
    assert "manifest.json" in listed
    assert not pairs.exists()  # the working copy is as it was


def _objects(remote: Path) -> list[str]:
    return [path.name for path in (remote / "files").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_named_with_the_remedy(project: Project) -> None:
    url = f"http://127.0.0.1:{closed_port()}/api"
    done = project.run("env", f"PREFECT_API_URL={url}", *FLOW, check=False)
    assert done.returncode == 1
    assert f"Prefect at {url} cannot be used" in done.stderr
    assert "make up" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.folder / ".workspaces").exists()


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["train.no_such=1", "nothing.seed=1", "train.seed=x"])
def test_wrong_settings_are_named_before_anything_starts(project: Project, setting: str) -> None:
    done = project.run(*FLOW, "-S", setting, check=False)
    assert done.returncode == 1
    assert setting.split("=")[0].split(".")[-1] in done.stderr or "nothing" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path(project.folder, ".workspaces").exists()
