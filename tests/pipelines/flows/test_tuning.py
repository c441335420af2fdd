"""A study before a training: it is run once, wherever the flow run is killed."""

import os
from pathlib import Path

import pytest

from pipelines.flows import tuning
from pipelines.paths import BEST_PARAMS_PATH
from pipelines.processes.shell import Shell
from pipelines.repository.workspace import Workspace


class _KilledError(BaseException):
    pass


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_the_change_of_params_yaml_the_next_run_does_not_search_again(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    def run_study(shell: Shell) -> None:
        events.append("search")
        (shell.folder / BEST_PARAMS_PATH).parent.mkdir(parents=True)
        (shell.folder / BEST_PARAMS_PATH).write_text("train: {learning_rate: 0.1}\n")

    def pix2pix(_shell: Shell, verb: str, path: str) -> None:
        is_first = "killed" not in events
        if not is_first or when == "after":
            events.append(f"{verb} {Path(path).read_text()}")
        if is_first:
            events.append("killed")
            raise _KilledError

    monkeypatch.setattr(tuning, "run_study", run_study)
    monkeypatch.setattr(tuning, "pix2pix", pix2pix)
    monkeypatch.setattr(tuning, "use_best", tuning.use_best.fn)
    folder = tmp_path / "checkout"
    workspace = Workspace(folder=tmp_path, project_dir=folder, lock=-1, is_continued=False)
    shell = Shell(folder=folder, environment=os.environ, logs_dir=tmp_path / "logs")
    with pytest.raises(_KilledError):
        tuning.tune_and_use(workspace, shell)
    tuning.tune_and_use(workspace, shell)
    assert events.count("search") == 1
    assert events[-1] == "apply-tuned train: {learning_rate: 0.1}\n"
