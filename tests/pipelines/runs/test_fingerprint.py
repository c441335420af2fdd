"""The fingerprint of a stage depends on what dvc.yaml lists and on the version of torch."""

import copy
import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipelines.runs import fingerprint
from pipelines.runs.fingerprint import stage_fingerprint
from pix2pix.config import EXECUTION_KEYS, Params

ROOT = Path(__file__).parents[3]
STAGES: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code and dvc.yaml of this checkout, to be edited."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "dvc.yaml", folder)
    for name in ("pipelines", "pix2pix"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _sources(project: Path) -> Iterator[Path]:
    return (path for name in ("pipelines", "pix2pix") for path in (project / name).rglob("*.py"))


def _is_dependency(project: Path, path: Path, stage: str) -> bool:
    name = path.relative_to(project).as_posix()
    return any(name == dep or name.startswith(f"{dep}/") for dep in STAGES[stage]["deps"])


@contextmanager
def _edited(path: Path) -> Iterator[None]:
    text = path.read_text()
    path.write_text(f"{text}\n# edited\n")
    yield
    path.write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train", "tune"])
def test_it_changes_with_each_file_that_dvc_yaml_lists_and_with_no_other(
    project: Path, default_params: Params, stage: str
) -> None:
    def now() -> str:
        return stage_fingerprint(stage, default_params, "data", project_dir=project)

    before, sources = now(), list(_sources(project))
    listed = [path for path in sources if _is_dependency(project, path, stage)]
    missed = []
    for path in listed:
        with _edited(path):
            missed += [path.name] if now() == before else []
    assert missed == []
    with ExitStack() as stack:
        for path in sources:
            if path not in listed:
                stack.enter_context(_edited(path))
        assert now() == before


def test_the_code_of_the_workers_is_in_the_list(project: Path) -> None:
    """DVC runs the training again after a change of the worker, the batches or the grids."""
    for name in ("worker.py", "batches.py", "sample_grids.py", "driver.py"):
        assert _is_dependency(project, project / "pipelines" / "training" / name, "train")


def test_a_new_and_a_renamed_file_of_a_listed_folder_change_it(
    project: Path, default_params: Params
) -> None:
    def now() -> str:
        return stage_fingerprint("train", default_params, "data", project_dir=project)

    before, new = now(), project / "pix2pix" / "models" / "new.py"
    new.write_text("")
    added = now()
    new = new.rename(new.with_name("renamed.py"))
    renamed = now()
    new.unlink()
    assert len({before, added, renamed}) == 3
    (project / "pix2pix" / "models" / "__pycache__").mkdir()
    (project / "pix2pix" / "models" / "__pycache__" / "unet.pyc").write_bytes(b"compiled")
    assert now() == before


def test_it_changes_with_the_data_the_parent_torch_and_the_stage(
    default_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprints = {
        stage_fingerprint("train", default_params, "data"),
        stage_fingerprint("train", default_params, "other data"),
        stage_fingerprint("tune", default_params, "data"),
        stage_fingerprint("train", default_params, "data", parent_sha256="1" * 64),
        stage_fingerprint("train", default_params, "data", parent_sha256="2" * 64),
    }
    monkeypatch.setattr(fingerprint, "version", {"torch": "9.9.9+cpu"}.__getitem__)
    fingerprints.add(stage_fingerprint("train", default_params, "data"))
    assert len(fingerprints) == 6
    assert metadata.version("torch") != "9.9.9+cpu"


def _changed(params: Params, section: str, key: str) -> Params:
    """Return the parameters with another value of a key, which need not be valid."""
    values, changed = copy.copy(getattr(params, section)), copy.copy(params)
    object.__setattr__(values, key, f"not {getattr(values, key)}")
    object.__setattr__(changed, section, values)
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train", "tune"])
def test_it_changes_with_each_parameter_that_dvc_yaml_lists_and_with_no_other(
    default_params: Params, stage: str
) -> None:
    before, listed = stage_fingerprint(stage, default_params, "data"), STAGES[stage]["params"]
    for section in ("data", "augment", "model", "train", "tune", "evaluate", "register"):
        for key in dataclasses.asdict(getattr(default_params, section)):
            changed = _changed(default_params, section, key)
            is_listed = section in listed or f"{section}.{key}" in listed
            is_another = stage_fingerprint(stage, changed, "data") != before
            assert is_another is is_listed, f"{section}.{key}"


def test_parameters_of_the_execution_do_not_change_the_fingerprint(default_params: Params) -> None:
    before = stage_fingerprint("train", default_params, "data")
    for key in EXECUTION_KEYS:
        assert stage_fingerprint("train", _changed(default_params, "train", key), "data") == before


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("dvc.yaml", r"dvc\.yaml is missing: it lists what a training depends on"),
        ("pix2pix/models", r"pix2pix/models is missing, which dvc\.yaml lists"),
    ],
)
def test_a_missing_file_or_stage_is_named(
    project: Path, default_params: Params, missing: str, message: str
) -> None:
    path = project / missing
    away = path.rename(project / "away")
    try:
        with pytest.raises(ValueError, match=message):
            stage_fingerprint("train", default_params, "data", project_dir=project)
    finally:
        away.rename(path)
