"""Which commit a flow runs: that of this repository, or what was pushed to a remote since."""

from pathlib import Path

import pytest

from pipelines.flows.workspaces import fetch, remote_of
from pipelines.repository.git import git, resolve
from pix2pix.errors import UserError


def _commit(folder: Path, message: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    git(folder, *identity, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A clone of tmp_path/theirs, made before they committed once more."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    git(theirs, "init", "--quiet", "--initial-branch", "main")
    _commit(theirs, "first")
    git(tmp_path, "clone", "--quiet", str(theirs), "ours")
    _commit(theirs, "pushed since")
    return tmp_path / "ours"


def test_what_was_pushed_since_is_run_where_the_revision_is_of_a_remote(
    ours: Path, tmp_path: Path
) -> None:
    remote = remote_of(ours, "origin/main")
    assert remote == "origin"
    fetch.fn(ours, remote)
    newest = git(tmp_path / "theirs", "rev-parse", "HEAD")
    assert resolve(ours, "origin/main", include_local_changes=False).commit == newest
    assert resolve(ours, "HEAD", include_local_changes=False).commit != newest


@pytest.mark.parametrize("revision", ["HEAD", "main", "v1.0", "feature/origin", "upstream/main"])
def test_other_revisions_are_those_of_this_repository(ours: Path, revision: str) -> None:
    assert remote_of(ours, revision) is None


def test_head_needs_neither_a_remote_nor_a_repository(tmp_path: Path) -> None:
    assert remote_of(tmp_path, "HEAD") is None


@pytest.mark.parametrize(
    ("url", "error"),
    [("https://127.0.0.1:1/x.git", ConnectionError), ("/no/such/folder", UserError)],
)
def test_only_a_remote_that_cannot_be_reached_for_now_is_asked_again(
    ours: Path, url: str, error: type[Exception]
) -> None:
    git(ours, "remote", "set-url", "origin", url)
    with pytest.raises(error):
        fetch.fn(ours, "origin")
