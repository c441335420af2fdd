"""What the tasks of a flow run: which commands, with which slots and retries."""

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from pipelines.flows import commands, record
from pipelines.processes.shell import Shell, stage_environment
from pipelines.services.prefect_setup import TRAINING_LIMIT
from tests.support.project import Project


@pytest.fixture(autouse=True)
def _without_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of the tasks are called outside of a flow run, where there is no run logger."""
    monkeypatch.setattr(commands, "get_run_logger", lambda: logging.getLogger("run"))


def _shell(folder: Path) -> Shell:
    return Shell(
        folder=folder, environment=stage_environment(folder), logs_dir=folder.parent / "logs"
    )


def test_a_stage_that_trains_waits_for_a_slot_of_the_limit_that_make_up_makes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the server has no limit of this name, Prefect does not wait."""
    asked: list[str] = []

    def concurrency(name: str, **_: Any) -> AbstractContextManager[None]:
        asked.append(name)
        return nullcontext()

    monkeypatch.setattr(commands, "concurrency", concurrency)
    for stage in ("ingest", "prepare", "evaluate", "register"):
        with commands._slot(stage):
            pass
    assert asked == []
    for stage in ("train", "tune"):
        with commands._slot(stage):
            pass
    assert asked == [TRAINING_LIMIT] * 2


def test_what_leaves_the_workspace_is_tried_again_and_nothing_else() -> None:
    tried_again = (
        commands.pull,
        commands.push,
        commands.reproduce_with_retries,
        record.record_result,
    )
    assert [each.retries for each in tried_again] == [3, 3, 3, 3]
    assert all(each.retry_condition_fn is not None for each in tried_again)
    assert (commands.reproduce.retries, commands.check_parameters.retries) == (0, 0)


def test_of_the_stages_only_register_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, str]] = []
    for name in ("reproduce", "reproduce_with_retries"):
        monkeypatch.setattr(
            commands, name, lambda _shell, stage, name=name: ran.append((name, stage))
        )
    commands.reproduce_all(_shell(tmp_path), ["prepare", "train", "register"])
    assert ran == [
        ("reproduce", "prepare"),
        ("reproduce", "train"),
        ("reproduce_with_retries", "register"),
    ]


@pytest.mark.slow
def test_without_a_remote_data_come_from_the_cache_and_imports_are_updated_on_request(
    tmp_path: Path,
) -> None:
    outside, project = tmp_path / "outside.txt", Project(tmp_path / "project")
    outside.write_text("first")
    project.folder.mkdir()
    project.run("git", "init", "-q")
    project.run("dvc", "init", "-q")
    project.run("dvc", "import-url", str(outside), "imported.txt")
    (project.folder / "added.txt").write_text("mine")
    project.run("dvc", "add", "added.txt")
    outside.write_text("second")
    found: list[tuple[str, str]] = []
    for update_imports in (False, True):
        for name in ("imported.txt", "added.txt"):
            (project.folder / name).unlink()
        commands.pull.fn(_shell(project.folder), update_imports=update_imports)
        imported, added = (project.folder / name for name in ("imported.txt", "added.txt"))
        found.append((imported.read_text(), added.read_text()))
    assert found == [("first", "mine"), ("second", "mine")]
