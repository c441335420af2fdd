import dataclasses
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines.repository.origin import (
    installed_packages,
    origin,
    pinned_dependencies,
)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("pix2pix/data/code.py", "data/source.dvc", "params.yaml", "dvc.lock"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as committed\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "x")
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "is_dirty"),
    [
        ("pix2pix/data/code.py", True),
        ("data/source.dvc", False),  # what the pipeline writes, and what a run records itself
        ("params.yaml", False),
        ("dvc.lock", False),
        ("notes.txt", False),  # not tracked
        ("pix2pix/new.py", True),  # not tracked, but code
    ],
)
def test_a_checkout_is_dirty_where_code_differs(
    checkout: Path, changed: str, is_dirty: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as inside a git hook
    commit = (checkout / ".git" / "refs" / "heads").glob("*").__next__().read_text().strip()
    clean = origin(checkout)
    assert (clean.commit, clean.is_dirty) == (commit, False)
    (checkout / changed).write_text("changed\n")
    found = origin(checkout)
    assert found == dataclasses.replace(clean, is_dirty=is_dirty, patch=found.patch)
    assert (f"+++ b/{changed}" in str(found.patch)) == is_dirty


def test_a_folder_that_is_no_checkout_has_no_commit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = origin(tmp_path)
    assert (result.commit, result.is_dirty) == (None, False)
    assert caplog.text == ""


def test_a_checkout_of_which_git_gives_no_commit_is_warned_of(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a container, where the folder belongs to the user of the host."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own, for its tests
    project = checkout / "pix2pix"  # a project may be part of a repository
    result = origin(project)
    assert (result.commit, result.is_dirty) == (None, False)
    assert "is recorded without its commit" in caplog.text
    assert "git config --global --add safe.directory" in caplog.text  # git's remedy


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"x = '\xff'\n", "no UTF-8 text"), (b"x = 1\n" * 1_000_000, "6.7 MiB")],
)
def test_changes_that_cannot_be_recorded_are_warned_of_and_the_checkout_is_dirty(
    checkout: Path, content: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    (checkout / "pix2pix/data/code.py").write_bytes(content)
    found = origin(checkout)
    assert (found.is_dirty, found.patch) == (True, None)
    assert reason in caplog.text


def test_the_origin_has_the_versions_of_python_and_of_the_packages(tmp_path: Path) -> None:
    result = origin(tmp_path)
    assert (result.python, result.torch) == (platform.python_version(), version("torch"))
    assert result.packages == installed_packages()


def test_dependencies_are_those_of_the_project_pinned_to_installed_versions() -> None:
    pins = dict(pin.split("==") for pin in pinned_dependencies())
    assert pins["torch"] == version("torch").split("+")[0]
    assert pins["torchmetrics[image]"] == version("torchmetrics")
    assert not {"mlflow", "dvc", "prefect", "ray", "pytest"} & set(pins)  # extras


def test_installed_packages_are_a_requirements_file() -> None:
    lines = installed_packages().splitlines()
    assert f"numpy=={version('numpy')}" in lines
    assert lines == sorted(set(lines), key=str.lower)
