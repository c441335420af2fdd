"""A copy of the project in a folder of its own, where commands are run as a user runs them."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.repository.presets import complete_preset

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Project:
    """The copy; `run` is its shell."""

    folder: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def environment(self) -> dict[str, str]:
        """This one's, with the tools of this interpreter and nobody's servers."""
        servers = ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "PREFECT_API_URL")
        environment = {key: value for key, value in os.environ.items() if key not in servers}
        tools = Path(sys.executable).parent
        return environment | {"PATH": f"{tools}{os.pathsep}{environment['PATH']}"}

    def set_params(self, preset: str, **changes: str) -> None:
        """Make a preset the parameters in force, with some lines changed: key="value"."""
        lines = complete_preset(preset, self.folder).splitlines()
        for key, value in changes.items():
            places = [i for i, line in enumerate(lines) if line.strip().startswith(f"{key}:")]
            assert places, key
            line = lines[places[0]]
            lines[places[0]] = f"{line[: len(line) - len(line.lstrip())]}{key}: {value}"
        (self.folder / "params.yaml").write_text("\n".join(lines) + "\n")

    def commit(self, message: str) -> None:
        """What is changed or staged, in nobody's name."""
        identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        self.run("git", *identity, "commit", "-q", "-a", "-m", message)


@functools.cache
def _template() -> tempfile.TemporaryDirectory[str]:
    """The files that git knows, committed in a repository of their own; made once."""
    made = tempfile.TemporaryDirectory()
    folder = Path(made.name)
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    project = Project(folder)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "add", "-A")
    project.commit("Start")
    return made


def copy_project(folder: Path) -> Project:
    """A clone of the project's files, in a repository of its own that knows no other one."""
    project = Project(folder)
    project.run("git", "clone", "-q", _template().name, ".")
    project.run("git", "remote", "remove", "origin")
    return project
