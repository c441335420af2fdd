"""reproduce.sh on fresh machines that have nothing in common but DVC's remote."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployed import DEPLOY

pytestmark = [pytest.mark.soak, pytest.mark.slow]  # thirty commands of DVC

# The first evaluation is cut short, as by the loss of the machine, and MLflow does not answer at
# first. All machines append to one list of calls.
STAGES = """
stages:
  prepare:
    cmd: echo prepare >> ../calls && cp source prepared
    deps: [source]
    outs: [prepared]
  train:
    cmd: echo train >> ../calls && cat params.yaml prepared > model
    deps: [prepared]
    params: [train.seed]
    outs: [model]
  evaluate:
    cmd: echo evaluate >> ../calls && test -e ../second && cp model scores
    deps: [model]
    outs: [scores]
  register:
    cmd: >-
      echo register >> ../calls && (test -e ../asked || (touch ../asked && exit 75))
      && cp model registered
    deps: [model, scores]
    outs: [registered]
  tune:
    cmd: echo tune >> ../calls
    deps: [prepared]
"""
PARAMS = (DEPLOY.parent / "params.yaml").read_text()


def _new_machine(folder: Path, remote: Path) -> Path:
    (folder / "deploy").mkdir(parents=True)
    shutil.copy2(DEPLOY / "reproduce.sh", folder / "deploy")
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text(
        f"[core]\n    no_scm = true\n    remote = it\n['remote \"it\"']\n    url = {remote}\n"
    )
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "source").write_text("pairs\n")
    return folder


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    tools = folder / "tools"
    if not tools.is_dir():
        tools.mkdir()
        (tools / "sleep").write_text("#!/bin/sh\n")  # no pauses
        (tools / "sleep").chmod(0o755)
    search = [str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {
        "PATH": os.pathsep.join(search),
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / "site"),
    }
    command = ["bash", str(folder / "deploy" / "reproduce.sh"), *arguments]
    return subprocess.Popen(
        command,
        cwd=folder.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _run(folder: Path, *arguments: str) -> int:
    process = _start(folder, *arguments)
    sys.stdout.write(process.communicate()[0])  # pytest shows it if the test fails
    return process.returncode


def _with_seed(path: Path, seed: int) -> str:
    text = PARAMS.replace("  seed: 0", f"  seed: {seed}")
    assert text != PARAMS
    path.write_text(text)
    return text


def test_an_attempt_goes_on_from_what_others_finished(tmp_path: Path) -> None:
    remote, calls, params = tmp_path / "remote", tmp_path / "calls", tmp_path / "given.yaml"
    remote.mkdir()
    text = _with_seed(params, 1)
    assert _run(_new_machine(tmp_path / "lost", remote), str(params)) != 0
    assert calls.read_text().split() == ["prepare", "train", "evaluate"]

    # The finished training comes from the remote; the stage that may succeed later is tried again.
    calls.unlink()
    (tmp_path / "second").touch()
    assert _run(_new_machine(tmp_path / "next", remote), str(params)) == 0
    assert calls.read_text().split() == ["evaluate", "register", "register"]
    assert (tmp_path / "next" / "model").read_text() == f"{text}pairs\n"

    calls.unlink()
    assert _run(_new_machine(tmp_path / "home", remote), str(params)) == 0
    assert not calls.exists()
    assert (tmp_path / "home" / "registered").read_text() == f"{text}pairs\n"

    assert _run(tmp_path / "home", "params.yaml", "tune") == 0  # only on request
    assert calls.read_text().split() == ["tune"]


def test_a_second_job_waits_and_has_the_parameters_of_its_submission(tmp_path: Path) -> None:
    remote, params = tmp_path / "remote", tmp_path / "given.yaml"
    remote.mkdir()
    machine = _new_machine(tmp_path / "machine", remote)
    submitted = _with_seed(params, 1)
    with (machine / "deploy" / "reproduce.sh").open() as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = _start(machine, str(params), "prepare")
        assert second.stdout is not None
        assert second.stdout.readline() == (
            f"another job runs in {machine}; this one waits until it has ended\n"
        )
        _with_seed(params, 2)  # for a third job
        assert (machine / "params.yaml").read_text() == PARAMS
    second.communicate()
    assert second.returncode == 0
    assert (machine / "params.yaml").read_text() == submitted


def test_wrong_parameters_end_a_job_before_any_stage(tmp_path: Path) -> None:
    machine = _new_machine(tmp_path / "machine", tmp_path / "remote")
    (machine / "params.yaml").write_text(PARAMS.replace("lambda_l1:", "lamda_l1:"))
    process = _start(machine)
    output = process.communicate()[0]
    assert process.returncode == 1
    assert "train.lamda_l1" in output
    assert "dvc" not in output.replace("dvc.yaml", "")
    assert not (tmp_path / "calls").exists()
