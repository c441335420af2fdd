"""Settings of DVC: those of the project, the user and the machine, as DVC reads them."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from pipelines.repository.dvc_project import has_remote, remote_address, share_cache

STORE = "[core]\n    remote = store\n['remote \"store\"']\n    url = {}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without settings; the machine and the user have none either."""
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "global"))
    for folder in ("system", "global", "project/.dvc", "workspace/.dvc"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path / "project"


def test_the_default_remote_is_found_and_no_other(project: Path) -> None:
    assert remote_address(project) is None
    config = project / ".dvc" / "config"
    config.write_text("['remote \"other\"']\n    url = s3://other\n")
    assert remote_address(project) is None
    assert not has_remote(project)
    config.write_text(f"{config.read_text()}[core]\n    remote = other\n")
    assert remote_address(project) == "s3://other"
    assert has_remote(project)


def test_a_folder_is_named_as_seen_from_everywhere(project: Path) -> None:
    (project / ".dvc" / "config.local").write_text(STORE.format("../../store"))
    assert remote_address(project) == str(project.parent / "store")


@pytest.mark.parametrize("level", ["system", "global"])
def test_a_remote_of_the_user_or_the_machine_counts_behind_that_of_the_project(
    project: Path, level: str
) -> None:
    (project.parent / level / "config").write_text(STORE.format("s3://everybody"))
    assert has_remote(project)
    assert remote_address(project) == "s3://everybody"
    (project / ".dvc" / "config").write_text(STORE.format("s3://project"))
    assert remote_address(project) == "s3://project"


def test_a_workspace_gets_the_settings_of_the_project_alone(project: Path) -> None:
    workspace = project.parent / "workspace"
    (project.parent / "global" / "config").write_text(STORE.format("s3://everybody"))
    (project / ".dvc" / "config.local").write_text(
        "['remote \"store\"']\n    access_key_id = ann\n"
    )
    share_cache(project, workspace)
    local = (workspace / ".dvc" / "config.local").read_text()
    assert "access_key_id = ann" in local
    assert "everybody" not in local
    assert f"dir = {project / '.dvc' / 'cache'}" in local
    assert remote_address(workspace) == "s3://everybody"


def test_a_workspace_shares_the_cache_that_the_user_has_configured(project: Path) -> None:
    workspace = project.parent / "workspace"
    (project.parent / "global" / "config").write_text("[cache]\n    dir = /large/cache\n")
    share_cache(project, workspace)
    local = (workspace / ".dvc" / "config.local").read_text()
    assert "dir = /large/cache" not in local  # it applies there anyway
    assert str(project / ".dvc" / "cache") not in local


@pytest.mark.slow
def test_a_workspace_links_its_data_from_the_cache_unless_somebody_has_decided_otherwise(
    project: Path,
) -> None:
    workspace = project.parent / "workspace"
    for folder in (project, workspace):
        (folder / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    (project / "data.bin").write_bytes(b"many bytes")
    with Repo(str(project)) as repo:
        repo.add(str(project / "data.bin"))
    share_cache(project, workspace)
    (workspace / "data.bin.dvc").write_bytes((project / "data.bin.dvc").read_bytes())
    with Repo(str(workspace)) as repo:
        assert repo.cache.local.cache_types == ["reflink", "hardlink", "symlink", "copy"]
        repo.checkout(str(workspace / "data.bin.dvc"))
        repo.unprotect(str(workspace / "data.bin"))  # as before a stage that keeps its outputs
    (workspace / "data.bin").write_bytes(b"others")
    (cached,) = (path for path in (project / ".dvc/cache/files").rglob("*") if path.is_file())
    assert cached.read_bytes() == b"many bytes"

    (project / ".dvc" / "config.local").write_text("[cache]\n    type = copy\n")
    share_cache(project, workspace)
    with Repo(str(workspace)) as repo:
        assert repo.cache.local.cache_types == ["copy"]
