"""A patch carries every kind of uncommitted change, and touches neither index nor files."""

import os
import subprocess
from pathlib import Path

import pytest

from pipelines.repository.git import git
from pipelines.repository.patch import changed_files, patched_tree, uncommitted_code
from pix2pix.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose project is in a folder of it, as some users have it."""
    project = tmp_path / "work" / "project"
    (project / "pix2pix").mkdir(parents=True)
    (project / "params").mkdir()
    for name, content in {
        "pix2pix/a.py": b"one\n",
        "pix2pix/crlf.py": b"one\r\ntwo\r\n",
        "pix2pix/gone.py": b"gone\n",
        "pix2pix/picture.png": bytes(range(256)),
        "pix2pix/moved.py": b"moved\n" * 20,
        "params/default.yaml": b"a: 1\n",
        "params.yaml": b"a: 1\n",
        "dvc.lock": b"x: 1\n",
    }.items():
        (project / name).write_bytes(content)
    git(project, "init", "-q", str(tmp_path / "work"))
    _commit(project)
    return project


def _commit(project: Path) -> None:
    git(project, "add", "-A", ".")
    identity = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    git(project, *identity, "commit", "-q", "-m", "x")


def _change_everything(project: Path) -> None:
    (project / "pix2pix/a.py").write_bytes("one, two — drei\n".encode())
    (project / "pix2pix/crlf.py").write_bytes(b"one\r\nthree\r\n")
    (project / "pix2pix/gone.py").unlink()
    (project / "pix2pix/picture.png").write_bytes(bytes(reversed(range(256))))
    (project / "pix2pix/moved.py").rename(project / "pix2pix/new name.py")
    (project / "pix2pix/a.py").chmod(0o755)
    (project / "pix2pix/sub").mkdir()
    (project / "pix2pix/sub/new.py").write_bytes(b"new, without a line end")
    (project / "params/default.yaml").write_bytes(b"a: 2\n")


def _is_code(line: str) -> bool:
    return not line.endswith(("project/params.yaml", "project/dvc.lock", "notes.txt"))


def _files(project: Path, tree: str) -> list[str]:
    return list(filter(_is_code, git(project, "ls-tree", "-r", "--full-tree", tree).splitlines()))


def test_commit_and_patch_give_the_code_that_was_there(root: Path) -> None:
    commit = git(root, "rev-parse", "HEAD")
    _change_everything(root)
    (root / "params.yaml").write_bytes(b"a: 3\n")  # recorded by itself
    (root / "notes.txt").write_bytes(b"no code\n")
    patch = uncommitted_code(root)
    tree = patched_tree(root, commit, patch)
    _commit(root)
    assert _files(root, tree) == _files(root, "HEAD")
    assert git(root, "show", f"{tree}:project/params.yaml") == "a: 1"


def test_neither_the_files_nor_the_index_are_touched(root: Path) -> None:
    _change_everything(root)
    git(root, "add", "pix2pix/gone.py")  # one of the changes is staged
    before = git(root, "status", "--porcelain")
    patched_tree(root, "HEAD", uncommitted_code(root))
    assert git(root, "status", "--porcelain") == before


def test_the_users_settings_of_git_do_not_change_the_patch(root: Path) -> None:
    _change_everything(root)
    before = uncommitted_code(root)
    for key, value in {
        "diff.noprefix": "true",
        "color.ui": "always",
        "diff.external": "false",
        "core.abbrev": "5",
    }.items():
        git(root, "config", key, value)
    assert uncommitted_code(root) == before


def test_a_change_within_the_second_of_the_commit_is_seen(root: Path) -> None:
    git(root, "config", "core.trustctime", "false")  # the other time of a file cannot be set
    code, index = root / "params/default.yaml", root.parent / ".git/index"
    an_hour_ago_s = index.stat().st_mtime - 3600
    os.utime(code, (an_hour_ago_s, an_hour_ago_s))
    git(root, "update-index", "--refresh")
    code.write_bytes(b"a: 2\n")
    for path in (code, index):
        os.utime(path, (an_hour_ago_s, an_hour_ago_s))
    assert changed_files(uncommitted_code(root).decode()) == ["project/params/default.yaml"]


def test_code_as_committed_is_an_empty_patch(root: Path) -> None:
    (root / "params.yaml").write_bytes(b"a: 3\n")
    (root / "notes.txt").write_bytes(b"no code\n")
    assert uncommitted_code(root) == b""


def test_a_patch_that_does_not_apply_is_refused(root: Path) -> None:
    (root / "pix2pix/a.py").write_bytes(b"two\n")
    patch = uncommitted_code(root)
    (root / "pix2pix/a.py").write_bytes(b"three\n")
    _commit(root)
    with pytest.raises(UserError, match=r"patch does not apply to commit .*pix2pix/a\.py"):
        patched_tree(root, "HEAD", patch)


def test_a_commit_that_git_does_not_have_is_refused(root: Path) -> None:
    with pytest.raises(UserError):
        patched_tree(root, "a" * 40, b"")


def test_the_files_of_a_patch_are_named(root: Path) -> None:
    _change_everything(root)
    patch = uncommitted_code(root).decode()
    names = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-mdo", "--exclude-standard", "--full-name"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert sorted(changed_files(patch)) == sorted(set(names))
