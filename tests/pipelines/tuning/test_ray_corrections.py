"""What Optuna is told of trials that were stopped early; which file of results is kept."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState
from pyarrow.fs import LocalFileSystem

from pipelines.tuning.ray_corrections import PruningOptunaSearch, ResultFiles


def test_a_trial_that_was_stopped_early_is_pruned_with_its_epochs() -> None:
    search = PruningOptunaSearch(
        num_epochs=2,
        space={"rate": FloatDistribution(0.0, 1.0)},
        metric="l1",
        mode="min",
        sampler=RandomSampler(seed=0),
    )
    for name, num_epochs in (("whole", 2), ("stopped", 1)):
        search.suggest(name)
        for epoch in range(1, num_epochs + 1):
            result = {"l1": 0.5 / epoch, "epoch": epoch, "training_iteration": epoch}
            search.on_trial_result(name, result)
        search.on_trial_complete(name, result)
    search.suggest("failed")
    search.on_trial_complete("failed", None, error=True)
    whole, stopped, failed = search._ot_study.trials
    assert (whole.state, whole.value) == (TrialState.COMPLETE, 0.25)
    assert (stopped.state, stopped.intermediate_values) == (TrialState.PRUNED, {1: 0.5})
    assert failed.state == TrialState.FAIL


def _trial(folder: Path) -> Any:
    stored = SimpleNamespace(
        trial_fs_path=str(folder / "stored"), storage_filesystem=LocalFileSystem()
    )
    return SimpleNamespace(
        local_path=str(folder / "local"), checkpoint="a checkpoint", storage=stored
    )


def test_results_here_are_kept_and_fetched_only_where_there_are_none(tmp_path: Path) -> None:
    for name, content in (("stored", "old"), ("local", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(content)
    files = ResultFiles()
    files._restore_from_remote("result.json", _trial(tmp_path))
    assert (tmp_path / "local" / "result.json").read_text() == "new"
    (tmp_path / "local" / "result.json").unlink()
    files._restore_from_remote("result.json", _trial(tmp_path))
    assert (tmp_path / "local" / "result.json").read_text() == "old"
