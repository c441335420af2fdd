"""Two classes of Ray Tune, each with a correction of what it does wrong for this search."""

from pathlib import Path
from typing import Any

from ray.tune.logger import JsonLoggerCallback
from ray.tune.search.optuna import OptunaSearch


class PruningOptunaSearch(OptunaSearch):
    """Tells Optuna that trials which were stopped early are pruned, not complete.

    Ray's own class calls them complete. But their dev L1 is that of an early epoch, and Optuna
    would compare it with those of finished trials. For pruned trials it uses the epoch as well.
    """

    def __init__(self, *, num_epochs: int, **options: Any) -> None:
        super().__init__(**options)
        self._num_epochs = num_epochs

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass on the result only if the trial has come to its last epoch."""
        is_finished = result is not None and result["epoch"] >= self._num_epochs
        super().on_trial_complete(trial_id, result if is_finished else None, error)


class ResultFiles(JsonLoggerCallback):
    """Writes result.json of each trial.

    At each start of a trial, Ray's own class replaces the file by the one in the storage, which is
    up to ten seconds older: a trial that was paused, or whose process was lost, would lack its last
    epochs. The file of the storage is needed only after `Tuner.restore`, when there is none here.
    """

    def _restore_from_remote(self, file_name: str, trial: Any) -> None:
        if not Path(trial.local_path, file_name).exists():
            super()._restore_from_remote(file_name, trial)

    def on_experiment_end(self, trials: list[Any], **_info: Any) -> None:
        """Close the files of trials that were left unfinished."""
        for trial in trials:
            self.log_trial_end(trial)
