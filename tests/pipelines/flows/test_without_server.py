"""The flow as one command: Prefect's temporary server, or a clear word about one that is down."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from pipelines.entrypoint import run
from pipelines.flows import train_pix2pix
from pipelines.flows.server import check_server
from tests.support.mlflow_process import closed_port
from tests.support.project import Project
from tests.support.served_project import TINY

FLOW = ("python", "-m", "pipelines.flows.train_pix2pix")


@pytest.mark.pipeline
@pytest.mark.server
@pytest.mark.timeout(300)
def test_one_command_pulls_tracked_data_and_ends_with_a_pushed_experiment_of_local_changes(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    remote, home = tmp_path_factory.mktemp("remote"), tmp_path_factory.mktemp("home")
    pairs = _track_pairs(project, remote)
    before = set(_objects(remote))
    assert before
    project.set_params("smoke", **TINY, source="folder", path="data/mine")  # not committed
    done = project.run("env", f"PREFECT_HOME={home}", *FLOW, "--include-local-changes",
                       "-S", "train.seed=5", "--targets", "prepare")  # fmt: skip
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    (experiment,) = (e for entry in shown for e in entry["experiments"] or [])
    data = experiment["revs"][-1]["data"]
    params = data["params"]["params.yaml"]["data"]
    assert (params["train"]["seed"], params["data"]["name"]) == (5, "tiny")
    assert data["outs"]["data/prepared"]["hash"].endswith(".dir")
    assert experiment["revs"][-1]["name"] in done.stdout + done.stderr
    assert before < set(_objects(remote))
    assert "seed: 5" not in (project.folder / "params.yaml").read_text()
    assert not pairs.exists()  # the working copy is as it was


def _track_pairs(project: Project, remote: Path) -> Path:
    """Pairs that the remote has and the working copy has not; committed."""
    pairs = project.folder / "data" / "mine"
    pairs.mkdir(parents=True)
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 8, 3), np.uint8)
        large = cv2.resize(pixels, (128, 64), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(pairs / f"{number}.png"), large)
    with (project.folder / ".dvc" / "config").open("a") as config:
        config.write(f"    remote = store\n['remote \"store\"']\n    url = {remote}\n")
    project.run("dvc", "add", "data/mine")
    project.run("dvc", "push")
    project.run("git", "add", "-A")
    project.commit("Data")
    shutil.rmtree(pairs)
    shutil.rmtree(project.folder / ".dvc" / "cache")
    return pairs


def _objects(remote: Path) -> list[str]:
    return [path.name for path in (remote / "files").rglob("*") if path.is_file()]


def _refusal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *arguments: str,
    code: int = 1,
) -> str:
    """What the command writes where it ends with this code, as one message."""
    monkeypatch.setattr("sys.argv", ["train_pix2pix", *arguments])
    with pytest.raises(SystemExit) as ended:
        run(train_pix2pix.main)
    assert ended.value.code == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_a_server_that_does_not_answer_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{closed_port()}/api"
    with temporary_settings({PREFECT_API_URL: url}):
        said = _refusal(monkeypatch, capsys, code=75)  # it may pass: a server may come
        with pytest.raises(ConnectionError):
            check_server()
    assert f"Prefect at {url} cannot be used" in said
    assert "make up" in said
    # After a reboot it is this file that names the server, and no variable can be unset.
    assert "prefect.toml" in said
    assert "`make down`" in said


@pytest.mark.parametrize("url", ["foo", "http://127.0.0.1:99999/api"])
def test_an_address_at_which_no_server_can_be_is_no_matter_of_trying_again(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with temporary_settings({PREFECT_API_URL: url}):
        said = _refusal(monkeypatch, capsys, code=1)
    assert f"Prefect at {url} cannot be used: it" in said
    assert "Correct PREFECT_API_URL" in said


def test_an_address_that_prefect_cannot_import_with_is_named_without_a_traceback() -> None:
    command = [sys.executable, "-m", "pipelines.flows.train_pix2pix"]
    environment = os.environ | {"PREFECT_API_URL": "http://me:s3cret@[::1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("ERROR PREFECT_API_URL is no address: its host cannot be read")
    assert ended.stderr.count("\n") == 1
    assert "s3cret" not in ended.stderr


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("train.no_such=1", "train.no_such: there is no such key (got 1)"),
        ("nothing.seed=1", "nothing: there is no such key"),
        ("revision.seed=1", "revision: there is no such key"),  # it has an option of its own
        ("train.seed=x", "train.seed: Input should be a valid integer (got 'x')"),
        ("data.side_a.kind=9", "data.side_a.kind: Input should be 'image' or 'labels' (got 9)"),
    ],
)
def test_wrong_settings_are_named_as_in_params_yaml_before_anything_starts(
    setting: str,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    said = _refusal(monkeypatch, capsys, "-S", setting)
    assert said == f"ERROR --set-param: 1 wrong parameter\n  {line}\n"
    assert list(tmp_path.iterdir()) == []  # no workspace, no database
