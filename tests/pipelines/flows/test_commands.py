"""What the tasks of a flow run: which commands, with which slots and retries."""

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from pipelines.flows import (
    commands,
    evaluate_pix2pix,
    record,
    train_pix2pix,
    translate_pix2pix,
    workspaces,
)
from pipelines.flows.names import TRAINING_SLOTS
from pipelines.paths import EVALUATION_DIR
from pipelines.processes.shell import Shell, stage_environment
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
    assert asked == [TRAINING_SLOTS] * 2


def test_what_may_fail_for_a_while_is_tried_again() -> None:
    """Each of them uses the network, a server, storage or a disk."""
    tried_again = (
        commands.pull,
        commands.push,
        commands.reproduce,
        evaluate_pix2pix.score,
        record.record_result,
        train_pix2pix.is_new_data,
        translate_pix2pix.translate,
        workspaces.fetch,
    )
    assert {each.name: each.retries for each in tried_again} == {
        each.name: 3 for each in tried_again
    }
    assert all(each.retry_condition_fn is not None for each in tried_again)
    assert commands.check_parameters.retries == 0


@pytest.mark.parametrize(
    ("existing", "num_runs", "added"),
    [
        ([], 1, []),
        ([], 2, ["--keep"]),
        (["--keep"], 2, ["--keep"]),
        (["--overwrite"], 1, ["--overwrite"]),
        (["--overwrite"], 2, ["--overwrite"]),
    ],
)
def test_a_translation_that_is_tried_again_is_not_refused_for_its_own_results(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    existing: list[str],
    num_runs: int,
    added: list[str],
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(translate_pix2pix, "pix2pix", lambda _shell, *words: ran.extend(words))
    monkeypatch.setattr(translate_pix2pix.task_run, "get_run_count", lambda: num_runs)
    folders = ["--", "in", "out"]
    translate_pix2pix.translate.fn(_shell(tmp_path), "m@champion", folders, existing)
    assert ran == ["translate", "--model", "m@champion", *added, *folders]


@pytest.mark.parametrize(
    ("mode", "added"), [(None, []), ("deterministic", ["--mode", "deterministic"])]
)
def test_a_version_is_scored_in_the_mode_that_was_asked_for_and_else_in_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str | None, added: list[str]
) -> None:
    ran: list[str] = []
    shown: list[Any] = []
    monkeypatch.setattr(evaluate_pix2pix, "pix2pix", lambda _shell, *words: ran.extend(words))
    monkeypatch.setattr(evaluate_pix2pix, "show_scores", lambda rows, **_: shown.extend(rows))
    (tmp_path / EVALUATION_DIR).mkdir(parents=True)
    (tmp_path / EVALUATION_DIR / "metrics.json").write_text('{"test": {"l1": 0.5}}')
    evaluate_pix2pix.score.fn(_shell(tmp_path), "m@champion", mode)
    assert ran == ["evaluate", "--model", "m@champion", *added]
    assert shown == [{"metric": "l1", "value": 0.5}]


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
