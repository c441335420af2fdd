"""Each stage on a disk that is really full, and killed: one message, and the next run succeeds."""

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import Project, copy_project
from tests.support.served_project import TINY

pytestmark = [pytest.mark.soak, pytest.mark.pipeline, pytest.mark.timeout(900)]

STAGES = ("ingest", "prepare", "train", "tune", "evaluate", "register")
ROOM_BYTES = 8192  # less than any stage writes

# Dies at the given call of a function that the stage calls to write what it has made.
_DYING = """
import importlib, os, signal, sys
stage, module, name, calls = sys.argv[1:]
owner = importlib.import_module(module)
*path, last = name.split(".")
for part in path:
    owner = getattr(owner, part)
original, left = getattr(owner, last), [int(calls)]
def dying(*arguments, **options):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)
setattr(owner, last, dying)
importlib.import_module(f"pipelines.stages.{stage}").main()
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which each stage has been run."""
    project = _tiny(tmp_path_factory.mktemp("undisturbed"))
    project.run("dvc", "repro")
    return project


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 256 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _tiny(folder: Path) -> Project:
    folder.mkdir(exist_ok=True)
    project = copy_project(folder)
    project.set_params("smoke", **TINY, dropout_layout="torch")
    return project


def _results(project: Project) -> dict[str, str]:
    """Hashes of what is the same in each run: pairs, weights and scores."""
    names = [
        *project.folder.glob("data/prepared/**/*.npy"),
        *project.folder.glob("models/*.safetensors"),
        project.folder / "reports" / "per_image.csv",
    ]
    return {
        path.relative_to(project.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in names
    }


def test_a_full_disk_ends_each_stage_with_one_message_and_the_next_run_succeeds(
    undisturbed: Project, disk: Path
) -> None:
    project = _tiny(disk / "project")
    project.run("dvc", "repro", "--single-item", "parent")  # its output is empty, without a parent
    for stage in STAGES:
        filler = disk / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - ROOM_BYTES)
        before = set(project.folder.rglob("*.partial"))
        failed = project.run("python", "-m", f"pipelines.stages.{stage}", check=False)
        filler.unlink()
        said = f"{stage}: {failed.stdout}{failed.stderr}"
        assert failed.returncode == 75, said  # the same command may succeed later
        assert "room" in failed.stderr, said
        assert "Traceback" not in failed.stderr, said
        assert set(project.folder.rglob("*.partial")) == before, said
        project.run("dvc", "repro", "--single-item", stage)
    assert _results(project) == _results(undisturbed)


@pytest.mark.parametrize(
    ("stage", "function", "calls"),
    [
        ("evaluate", "pix2pix.files:put_in_place", 1),
        ("evaluate", "pix2pix.files:put_in_place", 3),
        ("register", "mlflow:MlflowClient.log_batch", 1),
        ("register", "mlflow:MlflowClient.create_model_version", 1),
    ],
)
def test_killed_it_leaves_nothing_half_made_and_the_next_run_succeeds(
    undisturbed: Project, tmp_path: Path, stage: str, function: str, calls: int
) -> None:
    """`tests/pipelines` kills the other stages."""
    project = Project(shutil.copytree(undisturbed.folder, tmp_path / "project", symlinks=True))
    for name in ("mlflow.db", "reports/.registered.json"):
        (project.folder / name).unlink()  # so that there is something to register
    module, _, name = function.partition(":")
    killed = project.run("python", "-c", _DYING, stage, module, name, str(calls), check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    project.run("dvc", "repro", "--single-item", "--force", stage)
    assert _results(project) == _results(undisturbed)
    assert not list(project.folder.rglob(".*.partial"))
    registered = project.run("dvc", "repro", "register").stderr
    assert "registered pix2pix-tiny version 1" in registered
