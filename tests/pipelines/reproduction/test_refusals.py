"""What cannot be reproduced here is named before anything is checked out or trained."""

import dataclasses
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient

from pipelines.registry.lineage import LINEAGE_PATH, Lineage
from pipelines.repository.git import git
from pipelines.repository.origin import Origin, installed_packages
from pipelines.reproduction.reproduce import reproduce
from pipelines.runs.machines import this_machine
from pipelines.tracking.train_record import read_train_record
from pix2pix.errors import UserError
from tests.support.mlflow_process import closed_port
from tests.support.registered_project import MODEL, REPORTS, put_version
from tests.support.tracked_project import new_database, write_project

PATCH = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-two\n+three\n"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """Of a registry with one version; the current folder is a repository with one commit."""
    uri = new_database(tmp_path / "mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    folder = write_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    (folder / "x").write_text("one\n")
    git(folder, "init", "-q")
    git(folder, "add", "x")
    git(folder, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-q", "-m", "x")
    client = MlflowClient(uri)
    put_version(client)
    return client


def origin_here(**changes: object) -> Origin:
    here = Origin(
        commit=git(Path(), "rev-parse", "HEAD"),
        is_dirty=False,
        python=platform.python_version(),
        torch=torch.__version__,
        packages=installed_packages(),
        patch="",
    )
    return dataclasses.replace(here, **changes)


def record(client: MlflowClient, origin: Origin, *, gpu: str | None = None) -> None:
    """Make this the lineage of the version, on this machine or one with a GPU."""
    machine = this_machine(torch.device("cpu"), num_workers=1)
    training = dataclasses.replace(
        read_train_record(REPORTS / "train.json"),
        origin=origin,
        machines=(dataclasses.replace(machine, gpu=gpu),),
    )
    lineage = Lineage(format=1, training=training, outputs={}, weights={}, scores={})
    run_id = client.get_model_version(MODEL, "1").run_id
    content = json.loads(json.dumps(dataclasses.asdict(lineage)))
    client.log_dict(str(run_id), content, LINEAGE_PATH.as_posix())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"commit": None}, "not trained in a git checkout"),
        ({"commit": "b" * 40}, f"its commit {'b' * 40} is not in the repository .*git fetch"),
        ({"is_dirty": True, "patch": None}, "uncommitted changes .* that were not recorded"),
        ({"is_dirty": True, "patch": PATCH}, "the recorded patch does not apply to commit"),
        (
            {"packages": installed_packages().replace("numpy==", "numpy==0.")},
            r"environment is not that of the training.*numpy: 0\.\S+ recorded",
        ),
        ({"python": "3.9.1"}, r"Python: 3\.9\.1 recorded, .* here\nMake the recorded one"),
    ],
)
def test_unknown_code_and_a_changed_environment_are_refused(
    client: MlflowClient, changes: dict[str, object], said: str
) -> None:
    record(client, origin_here(**changes))
    with pytest.raises(UserError, match=f"(?s){MODEL} version 1: .*{said}"):
        reproduce(MODEL, Path())
    assert not Path(".workspaces").exists()
    assert client.get_model_version(MODEL, "1").tags == {}


def test_a_gpu_that_is_not_here_is_a_changed_environment(client: MlflowClient) -> None:
    record(client, origin_here(), gpu="NVIDIA H100 80GB HBM3")
    with pytest.raises(UserError, match="GPU: NVIDIA H100 80GB HBM3 recorded, none here"):
        reproduce(MODEL, Path())


def test_an_older_version_says_so(client: MlflowClient) -> None:
    with pytest.raises(UserError, match="was registered before lineages were recorded"):
        reproduce(MODEL, Path())


@pytest.mark.slow
def test_a_registry_that_does_not_answer_is_one_sentence_and_may_be_tried_again(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    done = subprocess.run(
        [Path(sys.executable).parent / "pix2pix", "reproduce", MODEL],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 75
    assert "Traceback" not in done.stderr
    assert "cannot be used" in done.stderr
