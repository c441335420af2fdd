"""Where the networks that a training started from come from: DVC, the named model, or nowhere."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipelines.evaluation.model_content import content_hash
from pipelines.paths import PARENT_PATH
from pipelines.repository.git import resolve
from pipelines.repository.workspace import Workspace, workspace
from pipelines.reproduction.parent import bring_parent
from pipelines.runs.parent import read_parent_file
from pix2pix.config import load_params
from pix2pix.errors import UserError
from pix2pix.parent_record import ParentRecord
from tests.support.model_folders import SMALL_SHAPES, write_model
from tests.support.project import Project, copy_project

pytestmark = [pytest.mark.pipeline]

REFERENCE = "../elsewhere"  # relative to the user's project


def _params(project: Project) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(project.folder / "params.yaml")
    return loaded


def _bring(project: Project, opened: Workspace, recorded: ParentRecord, md5: str) -> str:
    shutil.copy2(project.folder / "params.yaml", opened.project_dir)
    return bring_parent(
        opened.shell(),
        recorded,
        outputs={PARENT_PATH.as_posix(): md5},
        params=_params(project),
        project_dir=project.folder,
    )


def test_the_parent_is_taken_from_dvc_or_read_again_at_the_users_path_or_missed(
    tmp_path: Path,
) -> None:
    """Steps of one story, because each costs processes of DVC."""
    project = Project(tmp_path / "project")
    project.folder.mkdir()
    copy_project(project.folder)
    elsewhere = tmp_path / "elsewhere"
    write_model(elsewhere)
    project.set_params("smoke", init_from=REFERENCE, **SMALL_SHAPES)
    project.run("dvc", "repro", "--single-item", "parent")
    recorded = ParentRecord(
        reference=REFERENCE,
        model_sha256=content_hash(elsewhere),
        networks="both",
        new_layers=(),
        unlike=None,
    )
    original = (project.folder / PARENT_PATH).read_bytes()
    md5 = hashlib.md5(original, usedforsecurity=False).hexdigest()
    revision = resolve(project.folder, "HEAD", include_local_changes=False)

    with workspace(project.folder, revision, {}) as opened:
        brought = opened.project_dir / PARENT_PATH
        said = _bring(project, opened, recorded, md5)
        assert said == "both networks of ../elsewhere; taken from DVC"
        assert brought.read_bytes() == original

        shutil.rmtree(project.folder / ".dvc" / "cache")
        said = _bring(project, opened, recorded, md5)
        assert said == "both networks of ../elsewhere; read again from there"
        params = load_params(opened.project_dir / "params.yaml")
        assert params.train.init_from == os.fspath(elsewhere)
        file = read_parent_file(brought, params.train)
        assert file is not None
        assert file.parent.model_sha256 == recorded.model_sha256

        write_model(elsewhere, inference_mode="deterministic")
        with pytest.raises(UserError, match="elsewhere is another model now") as no:
            _bring(project, opened, recorded, md5)
        assert "From DVC: data/parent.safetensors is neither in the cache nor" in str(no.value)

        shutil.rmtree(elsewhere)
        with pytest.raises(UserError, match="elsewhere, cannot be had") as no:
            _bring(project, opened, recorded, md5)
        assert f"{elsewhere} is no file or folder" in str(no.value)
