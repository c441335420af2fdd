"""Ray Tune's search with Optuna, as a study needs it where ASHA stops trials early."""

from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from ray.tune.search.optuna import OptunaSearch


class StudySearch(OptunaSearch):
    """Tells Optuna that a trial was pruned where it ended before its last epoch.

    Ray's own class tells each of them as complete, with its last value. But the L1 of young epochs
    is often lower than that of a trial's end, because blur scores well, so that the sampler would
    look for more of what ASHA has stopped. Of pruned trials it knows the values by epoch, and ranks
    them after all complete ones.
    """

    def __init__(
        self,
        space: dict[str, BaseDistribution],
        *,
        metrics: Sequence[str],
        sampler: BaseSampler,
        num_epochs: int,
    ) -> None:
        """`metrics` are minimised; `num_epochs` is the length of a trial that is not stopped."""
        is_single = len(metrics) == 1
        super().__init__(
            space=space,
            metric=metrics[0] if is_single else list(metrics),
            mode="min" if is_single else ["min"] * len(metrics),
            sampler=sampler,
        )
        self._num_epochs = num_epochs

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna how the trial ended; `result` is its last report."""
        if result and result["epoch"] < self._num_epochs:
            self.on_trial_result(trial_id, result)  # Ray itself leaves out the last report
            result = None  # for Ray's class: pruned
        super().on_trial_complete(trial_id, result=result, error=error)
