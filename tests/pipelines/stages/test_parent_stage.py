"""The stage `parent` as `dvc repro` runs it, and what a training takes from its file."""

import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load

from pipelines.paths import PARENT_PATH
from pipelines.runs.folder import open_folder
from pipelines.runs.parent import publish_parent, published_parent, read_parent_file
from pipelines.stages import parent
from pix2pix.config import load_params
from pix2pix.errors import UserError
from pix2pix.model_card import load_card
from pix2pix.parent import from_bytes
from tests.support.model_folders import SMALL_SHAPES, write_model
from tests.support.project import Project, copy_project

FOLDER = Path("elsewhere")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project, which is the current folder, with a model of its shapes beside its own."""
    (tmp_path / "project").mkdir()
    project = copy_project(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    write_model(FOLDER)
    return project


def start_from(project: Project, reference: str, **changes: str) -> None:
    project.set_params("smoke", init_from=reference, **SMALL_SHAPES | changes)


def test_without_a_parent_the_file_is_empty_and_not_asked_for(here: Project) -> None:
    here.set_params("smoke")
    parent.main()
    assert load(PARENT_PATH.read_bytes()) == {}
    PARENT_PATH.unlink()
    assert read_parent_file(PARENT_PATH, load_params().train) is None


def test_another_content_of_the_folder_is_another_file(here: Project) -> None:
    """By which DVC sees that the training has to run again, though params.yaml is the same."""
    start_from(here, str(FOLDER))
    parent.main()
    first = PARENT_PATH.read_bytes()
    written_ns = PARENT_PATH.stat().st_mtime_ns
    parent.main()
    assert PARENT_PATH.stat().st_mtime_ns == written_ns
    write_model(FOLDER, inference_mode="deterministic")
    parent.main()
    second = PARENT_PATH.read_bytes()
    assert from_bytes(second, name="x").card == load_card(FOLDER)
    assert second != first


@pytest.mark.parametrize(
    ("reference", "changes", "reason"),
    [
        (str(FOLDER), {"base_channels": "8"}, r"(?s)4x3x4x4 +8x3x4x4.*Set model\.base_channels: 4"),
        (str(FOLDER), {"norm": "none"}, r"Set model\.norm: batch"),
        ("nowhere", {}, "train.init_from: nowhere is no file or folder"),
        ("models", {}, "is what the training itself writes"),
    ],
)
def test_a_refused_parent_leaves_the_earlier_file(
    here: Project, reference: str, changes: dict[str, str], reason: str
) -> None:
    start_from(here, str(FOLDER))
    parent.main()
    earlier = PARENT_PATH.read_bytes()
    start_from(here, reference, **changes)
    with pytest.raises(UserError, match=reason):
        parent.main()
    assert PARENT_PATH.read_bytes() == earlier
    assert not list(Path("data").glob(".*.partial"))


def test_a_damaged_file_is_written_anew(here: Project) -> None:
    start_from(here, str(FOLDER))
    parent.main()
    whole = PARENT_PATH.read_bytes()
    PARENT_PATH.write_bytes(whole[:100])
    parent.main()
    assert PARENT_PATH.read_bytes() == whole


@pytest.mark.slow
def test_a_training_refuses_a_file_that_params_yaml_does_not_name(here: Project) -> None:
    start_from(here, str(FOLDER))
    with pytest.raises(UserError, match=r"parent\.safetensors is missing; run `dvc repro parent`"):
        read_parent_file(PARENT_PATH, load_params().train)
    parent.main()
    assert read_parent_file(PARENT_PATH, load_params().train) is not None
    for changes in ({"init_from": "models:/other/1"}, {"init_networks": "generator"}):
        here.set_params("smoke", **SMALL_SHAPES | {"init_from": str(FOLDER)} | changes)
        with pytest.raises(UserError, match=r"holds both of elsewhere, but params\.yaml says"):
            read_parent_file(PARENT_PATH, load_params().train)


def test_workers_get_the_bytes_of_the_beginning(here: Project, tmp_path: Path) -> None:
    """An interrupted training that goes on does not read another parent."""
    start_from(here, str(FOLDER))
    parent.main()
    file = read_parent_file(PARENT_PATH, load_params().train)
    assert file is not None
    run = open_folder(str(tmp_path / "run"))
    publish_parent(file, run)
    PARENT_PATH.write_bytes(b"")
    shutil.rmtree(FOLDER)
    publish_parent(file, run)
    assert published_parent(run).card == file.parent.card


def test_a_cut_copy_for_the_workers_is_copied_again(here: Project, tmp_path: Path) -> None:
    start_from(here, str(FOLDER))
    parent.main()
    file = read_parent_file(PARENT_PATH, load_params().train)
    assert file is not None
    run = open_folder(str(tmp_path / "run"))
    run.write("parent.safetensors", PARENT_PATH.read_bytes()[:1000])
    publish_parent(file, run)
    assert published_parent(run).card == file.parent.card
