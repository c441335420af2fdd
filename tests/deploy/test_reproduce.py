"""reproduce.sh on fresh machines that have nothing in common but DVC's remote."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployed import DEPLOY

pytestmark = [pytest.mark.soak, pytest.mark.slow]  # fifteen commands of DVC

# The first training is cut short, as by the loss of the machine.
STAGES = """
stages:
  prepare:
    cmd: echo prepare >> ../calls && cp source prepared
    deps: [source]
    outs: [prepared]
  train:
    cmd: echo train >> ../calls && test -e ../second && cat params.yaml prepared > model
    deps: [prepared]
    params: [seed]
    outs: [model]
  register:
    cmd: cp model registered
    deps: [model]
    outs: [registered]
  tune:
    cmd: echo tune >> ../calls
    deps: [prepared]
"""


def _new_machine(folder: Path, remote: Path) -> Path:
    (folder / "deploy").mkdir(parents=True)
    shutil.copy2(DEPLOY / "reproduce.sh", folder / "deploy")
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text(
        f"[core]\n    no_scm = true\n    remote = it\n['remote \"it\"']\n    url = {remote}\n"
    )
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "params.yaml").write_text("seed: 0\n")
    (folder / "source").write_text("pairs\n")
    return folder


def _run(folder: Path, *arguments: str) -> int:
    tools = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / "site"),
    }
    command = ["bash", str(folder / "deploy" / "reproduce.sh"), *arguments]
    return subprocess.run(command, cwd=folder.parent, env=environment, check=False).returncode


def test_an_attempt_goes_on_from_what_others_finished(tmp_path: Path) -> None:
    remote, calls, params = tmp_path / "remote", tmp_path / "calls", tmp_path / "given.yaml"
    remote.mkdir()
    params.write_text("seed: 1\n")
    assert _run(_new_machine(tmp_path / "lost", remote), str(params)) != 0
    assert calls.read_text().split() == ["prepare", "train"]
    assert list(remote.rglob("files/md5/*/*"))  # workers have had the pairs

    (tmp_path / "second").touch()
    assert _run(_new_machine(tmp_path / "next", remote), str(params)) == 0
    assert calls.read_text().split() == ["prepare", "train", "train"]
    assert (tmp_path / "next" / "model").read_text() == "seed: 1\npairs\n"

    assert _run(_new_machine(tmp_path / "home", remote), str(params)) == 0
    assert calls.read_text().split() == ["prepare", "train", "train"]
    assert (tmp_path / "home" / "registered").read_text() == "seed: 1\npairs\n"

    assert _run(tmp_path / "home", "params.yaml", "tune") == 0  # only on request
    assert calls.read_text().split() == ["prepare", "train", "train", "tune"]
