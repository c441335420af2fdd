"""Revisions, checkouts and experiments, with real git."""

import os
from pathlib import Path

import pytest

from pipelines.repository.git import check_out, folder_in_repository, git, origin_url, resolve
from pipelines.repository.origin import origin
from pix2pix.errors import UserError


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    (folder / "deep").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "config", "user.name", "someone")
    git(folder, "config", "user.email", "someone@localhost")
    (folder / "kept.txt").write_text("kept\n")
    (folder / "changed.txt").write_text("before\n")
    (folder / "removed.txt").write_text("removed\n")
    (folder / "deep" / "x.txt").write_text("x\n")
    (folder / ".gitignore").write_text("ignored.txt\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def _change(folder: Path) -> None:
    (folder / "changed.txt").write_text("after\n")
    (folder / "removed.txt").unlink()
    (folder / "new.bin").write_bytes(bytes(range(256)))
    (folder / "ignored.txt").write_text("ignored\n")


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_local_changes_are_included_and_the_user_s_index_and_files_stay(
    repository: Path, tmp_path: Path
) -> None:
    _change(repository)
    git(repository, "add", "changed.txt")  # half of it is staged
    status = git(repository, "status", "--porcelain")
    files = _files(repository)
    revision = resolve(repository, "HEAD", include_local_changes=True)
    check_out(repository, revision, tmp_path / "copy")
    del files["ignored.txt"]
    assert _files(tmp_path / "copy") == files
    assert git(tmp_path / "copy", "rev-parse", "HEAD") == git(repository, "rev-parse", "HEAD")
    assert git(repository, "status", "--porcelain") == status


def test_without_local_changes_the_files_are_those_of_the_commit(
    repository: Path, tmp_path: Path
) -> None:
    committed = _files(repository)
    _change(repository)
    check_out(
        repository, resolve(repository, "main", include_local_changes=False), tmp_path / "copy"
    )
    assert _files(tmp_path / "copy") == committed
    assert git(tmp_path / "copy", "status", "--porcelain") == ""


def test_an_older_revision_and_a_folder_inside_the_repository(
    repository: Path, tmp_path: Path
) -> None:
    first = _files(repository)
    _change(repository)
    git(repository, "commit", "--quiet", "--all", "--message", "second")
    revision = resolve(repository / "deep", "HEAD~1", include_local_changes=False)
    check_out(repository / "deep", revision, tmp_path / "copy")
    assert _files(tmp_path / "copy") == first
    assert folder_in_repository(repository / "deep") == Path("deep")
    assert folder_in_repository(repository) == Path()


def test_unknown_revisions_and_changes_to_another_commit_are_refused(repository: Path) -> None:
    with pytest.raises(ValueError, match=r"revision 'no-such' is no commit .*`git fetch` brings"):
        resolve(repository, "no-such", include_local_changes=False)
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "second")
    with pytest.raises(ValueError, match="include_local_changes"):
        resolve(repository, "HEAD~1", include_local_changes=True)


def test_the_error_for_a_folder_without_a_repository_has_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="git init"):
        resolve(tmp_path, "HEAD", include_local_changes=False)


def _large(path: Path, num_bytes: int = 2**40) -> None:
    """Make a sparse file, which takes no room on the disk, but hours to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(num_bytes)


@pytest.mark.timeout(20)
def test_large_new_files_are_not_read_and_the_error_has_the_remedy(repository: Path) -> None:
    _large(repository / "data" / "mine" / "A" / "1.png")
    (repository / "new.py").write_text("x = 1\n")
    objects = sorted((repository / ".git" / "objects").rglob("*"))
    with pytest.raises(UserError, match=r"1048577 MiB, 1048576 of them .*data/mine") as caught:
        resolve(repository, "HEAD", include_local_changes=True)
    assert ".gitignore" in str(caught.value)
    assert "dvc add data/mine" in str(caught.value)
    assert sorted((repository / ".git" / "objects").rglob("*")) == objects


def test_many_small_files_count_together_and_staged_ones_too(repository: Path) -> None:
    for number in range(5):
        _large(repository / "frames" / f"{number}.bin", 4 * 2**20)
    git(repository, "add", "frames/0.bin")
    with pytest.raises(UserError, match=r"20 MiB, 20 of them .*frames"):
        resolve(repository, "HEAD", include_local_changes=True)


def test_ignored_data_and_small_files_of_any_name_are_allowed(
    repository: Path, tmp_path: Path
) -> None:
    _large(repository / "ignored.txt")
    (repository / " first").write_text("a blank before it\n")
    odd = os.fsdecode(b"\xff.txt")
    (repository / odd).write_text("a name that is not UTF-8\n")
    revision = resolve(repository, "HEAD", include_local_changes=True)
    check_out(repository, revision, tmp_path / "copy")
    assert (tmp_path / "copy" / " first").read_text() == "a blank before it\n"
    assert (tmp_path / "copy" / odd).read_text() == "a name that is not UTF-8\n"


def test_a_repository_inside_the_repository_is_named(repository: Path) -> None:
    git(repository, "init", "--quiet", "inner")
    (repository / "inner" / "x").write_text("x")
    with pytest.raises(UserError, match=r"inner/? is a git repository of its own"):
        resolve(repository, "HEAD", include_local_changes=True)


def test_a_checkout_names_the_origin_of_the_project_and_pushes_to_the_project(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "remote", "add", "origin", "git@example.org:team/project.git")
    copy = tmp_path / "copy"
    check_out(repository, resolve(repository, "HEAD", include_local_changes=False), copy)
    assert origin(copy).web == "https://example.org/team/project"
    git(copy, "push", "--quiet", "origin", "HEAD:refs/exps/x")
    assert git(repository, "rev-parse", "refs/exps/x") == git(copy, "rev-parse", "HEAD")


def test_a_checkout_of_a_project_without_an_address_has_none(
    repository: Path, tmp_path: Path
) -> None:
    for name, url in (("without", None), ("folder", "../elsewhere")):
        if url is not None:
            git(repository, "remote", "add", "origin", url)
        revision = resolve(repository, "HEAD", include_local_changes=False)
        check_out(repository, revision, tmp_path / name)
        assert origin_url(tmp_path / name) == str(repository)
