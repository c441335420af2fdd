"""The file of a trial's results, which Ray Tune writes and this project reads."""

from pathlib import Path
from typing import Any

from ray.tune.logger import JsonLoggerCallback


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
