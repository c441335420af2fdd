"""How Ray Tune gets its trials, and how it says what became of them."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher

from pipelines.tuning.plan import Part
from pipelines.tuning.study_log import StudyLog
from pipelines.tuning.trial import FAILURE, TRACEBACK
from pix2pix.config import TuneConfig
from pix2pix.tuning.trials import Trial

_WORST_L1 = 1.0  # of pixels in [0, 1]
_REASON_CHARACTERS = 200  # of the last line of what Ray says, which may be an essay

logger = logging.getLogger(__name__)


class Stop(tune.Stopper):
    """Ends all trials when it is asked to."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self) -> None:
        """Have Ray Tune stop soon."""
        self.is_asked = True

    def __call__(self, *_: Any) -> bool:
        """Never stops a single one."""
        return False

    def stop_all(self) -> bool:
        """Whether it was asked to."""
        return self.is_asked


class _NotKept:
    """Ray Tune pickles what it works with, for a restoring of its own that is not used here."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class TrialSource(_NotKept, Searcher):
    """Hands trials to Ray Tune and notes how they ended; one that is cut off is left as it is."""

    def __init__(
        self,
        parts: Iterator[Part | None],
        log: StudyLog,
        *,
        stop: Stop,
        total_epochs: int,
        stopped_by: str | None,  # name of the scheduler; None: none that stops trials runs
    ) -> None:
        super().__init__()
        self._parts, self._log, self._stop = parts, log, stop
        self._total_epochs, self._stopped_by = total_epochs, stopped_by
        self._handed: dict[str, Part] = {}

    def suggest(self, trial_id: str) -> Any:
        """The configuration of the next trial, which `run_trial` understands; None: not yet."""
        part = Searcher.FINISHED if self._stop.is_asked else next(self._parts, Searcher.FINISHED)
        if not isinstance(part, Part):
            return part
        self._handed[trial_id] = part
        trial = part.trial
        about = {"number": trial.number, "seed": trial.seed, "values": dict(trial.values)}
        return about | {"until": part.until}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Note the end of a trial; why one was lost, `EpochLog` knows."""
        if error or self._stop.is_asked:
            return
        part = self._handed[trial_id]
        number, done = part.trial.number, self._log.trial(part.trial.number).num_epochs
        if result is not None and FAILURE in result:
            self._log.end(number, "failed", result[FAILURE])
            if TRACEBACK in result:
                logger.error("trial %d failed by a defect:\n%s", number, result[TRACEBACK])
        elif done < part.until and self._stopped_by is not None:
            reason = f"{self._stopped_by}: behind the others after epoch {done}"
            self._log.end(number, "stopped", reason)
        elif done < part.until:
            reason = f"ended after epoch {done} of {part.until}, though no scheduler stops trials"
            self._log.end(number, "failed", reason)
        elif part.until == self._total_epochs:
            self._log.end(number, "finished")

    def save_to_dir(self, *_: Any, **_options: Any) -> None:
        """Save nothing: the log has it all."""


class EpochLog(_NotKept, tune.Callback):
    """Notes each epoch, before anything is made of it, and why a trial was lost."""

    def __init__(self, log: StudyLog) -> None:
        self._log = log

    def on_trial_result(self, *_: Any, **info: Any) -> None:
        """Note an epoch."""
        if FAILURE not in info["result"]:
            self._log.epoch(info["trial"].config["number"], info["result"])

    def on_trial_error(self, *_: Any, **info: Any) -> None:
        """Note that a trial was lost more often than it may be."""
        trial = info["trial"]
        lines = Path(trial.error_file).read_text().strip().splitlines()
        self._log.end(trial.config["number"], "failed", lines[-1][:_REASON_CHARACTERS])


class _Known(NamedTuple):
    """A trial of an earlier process, to a scheduler."""

    trial_id: str


class _Asha(ASHAScheduler):
    """To which a dev L1 that is not finite is the worst there can be."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Decide whether the trial goes on."""
        l1 = result.get("dev/l1")
        if l1 is not None and not math.isfinite(l1):
            result = result | {"dev/l1": _WORST_L1}
        return str(super().on_trial_result(tune_controller, trial, result))


def make_asha(config: TuneConfig, *, total_epochs: int, ended: list[Trial]) -> ASHAScheduler:
    """ASHA (Li et al. 2020) on dev L1 by epoch, which knows what the `ended` trials reported."""
    asha = _Asha(
        time_attr="epoch",
        metric="dev/l1",
        mode="min",
        max_t=total_epochs,
        grace_period=min(config.grace_epochs, total_epochs),
        reduction_factor=config.reduction_factor,
        stop_last_trials=False,
    )
    controller: Any = None  # it does not look at it
    for trial in ended:
        known: Any = _Known(f"earlier-{trial.number}")
        asha.on_trial_add(controller, known)
        for record in trial.history:
            asha.on_trial_result(controller, known, dict(record))
        asha.on_trial_remove(controller, known)
    return asha
