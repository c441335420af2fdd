"""Which Python a stage runs in, where the environment of the project is not activated."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT, Project

BARE = "/usr/bin:/bin"  # if there is a python at all, it lacks our packages


@pytest.mark.pipeline
def test_dvc_finds_the_project_s_environment_without_its_being_activated(project: Project) -> None:
    project.set_params("smoke")
    (project.folder / ".venv").symlink_to(sys.prefix)
    environment = {
        name: value
        for name, value in project.environment().items()
        if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    }
    done = subprocess.run(
        [".venv/bin/dvc", "repro", "ingest"],
        cwd=project.folder,
        env=environment | {"PATH": BARE},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.folder / "reports" / "source.json").exists()


@pytest.mark.parametrize("module", ["pipelines.stages.train", "pipelines"])
def test_a_python_without_our_packages_is_refused_in_one_sentence(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", module],  # -S: without what is installed
        cwd=ROOT,
        env={"PATH": BARE},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"{Path(sys.executable)} (Python 3." in line
    assert "lacks the packages of this project: run `make setup` and then `. .venv/bin/" in line


def test_a_python_without_pip_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$2" = pip ] && exit 1\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    command = ["make", "setup", f"PYTHON={python}", "UV=.setup/bin/uv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "has no pip. Install it (sudo apt install python3-pip" in done.stderr.splitlines()[0]
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("words", [["-m", "pipelines.stages.prepare"], ["pix2pix", "summary"]])
def test_an_interruption_while_tools_are_imported_is_one_line(
    words: list[str], tmp_path: Path
) -> None:
    for tool in ("numpy", "typer"):
        (tmp_path / f"{tool}.py").write_text("raise KeyboardInterrupt\n")
    (tmp_path / "pix2pix").write_text("from pipelines.cli import main\nmain()\n")
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "ERROR interrupted\n")


def test_a_program_that_uses_the_package_keeps_its_own_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import pipelines\nraise KeyboardInterrupt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stderr.startswith("Traceback")


def test_a_user_without_a_name_gets_one_as_dvc_needs() -> None:
    """As in a container that runs as a number: DVC would end with `uid not found`."""
    program = (
        "import pwd\n"
        "def unknown(uid): raise KeyError(f'getpwuid(): uid not found: {uid}')\n"
        "pwd.getpwuid = unknown\n"
        "import pipelines, getpass, os\n"
        "print(getpass.getuser() == str(os.getuid()))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": BARE}, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize(("given", "name"), [({}, "12345"), ({"USER": "ann"}, "ann")])
def test_so_it_does_from_make(tmp_path: Path, given: dict[str, str], name: str) -> None:
    number = tmp_path / "id"  # without a name it prints the number, and fails
    number.write_text('#!/bin/sh\n[ "$*" = -un ] && echo 12345\nexit 1\n')
    number.chmod(0o755)
    command = ["make", "--silent", "--eval=who: ; @echo $$USER", "who"]
    environment = {"PATH": f"{tmp_path}:{BARE}"} | given
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{name}\n", "")
