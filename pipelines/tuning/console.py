"""What a person sees of a study while it runs: a line per epoch and trial, and the best so far."""

import logging

from pix2pix.config import Params
from pix2pix.tuning.space import first_kept_epoch, total_epochs
from pix2pix.tuning.trials import Trial, best_l1

logger = logging.getLogger(__name__)


class StudyConsole:
    """Logs what is new of each trial that it is told of."""

    def __init__(self, params: Params) -> None:
        self._num_trials = params.tune.num_trials
        self._total_epochs = total_epochs(params)
        self._first_epoch = first_kept_epoch(params)
        self._seen: dict[int, Trial] = {}

    def remember(self, trials: list[Trial]) -> None:
        """Know the trials of an earlier process, of which there is nothing new to say."""
        self._seen |= {trial.number: trial for trial in trials}

    def __call__(self, trial: Trial) -> None:
        """Say what has changed since the last call for this trial."""
        before = self._seen.get(trial.number)
        self._seen[trial.number] = trial
        if before is None:
            logger.info("%s begins: %s", _name(trial), _listed(trial))
        elif len(trial.exchanges) > len(before.exchanges):
            logger.info(
                "%s goes on from trial %d: %s",
                _name(trial),
                trial.exchanges[-1].parent,
                _listed(trial),
            )
        elif trial.status != before.status:
            logger.info("%s %s; %s", _name(trial), self._end(trial), self._so_far())
        elif trial.num_epochs > before.num_epochs:
            logger.info(
                "%s: epoch %d/%d, dev L1 %.4f",
                _name(trial),
                trial.num_epochs,
                self._total_epochs,
                trial.history[-1]["dev/l1"],
            )

    def _end(self, trial: Trial) -> str:
        best = best_l1(trial, first_epoch=self._first_epoch)
        score = "" if best is None else f", dev L1 {best:.4f}"
        return f"{trial.status}{score}" + (f" ({trial.reason})" if trial.reason else "")

    def _so_far(self) -> str:
        """How far the search is, and the best finished trial of it."""
        search = [trial for trial in self._seen.values() if trial.purpose == "search"]
        ended = [trial for trial in search if trial.status != "running"]
        scored = [
            (l1, trial.number)
            for trial in ended
            if trial.status == "finished"
            and (l1 := best_l1(trial, first_epoch=self._first_epoch)) is not None
        ]
        best = f", best dev L1 {min(scored)[0]:.4f} in trial {min(scored)[1]}" if scored else ""
        return f"{len(ended)} of {self._num_trials} trials ended{best}"


def _listed(trial: Trial) -> str:
    return ", ".join(f"{key} {value}" for key, value in trial.values.items())


def _name(trial: Trial) -> str:
    again = "" if trial.purpose == "search" else f" ({trial.purpose}, seed {trial.seed})"
    return f"trial {trial.number}{again}"
