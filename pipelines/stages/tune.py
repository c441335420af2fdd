"""DVC stage `tune`: search for better parameters on the dev split."""

import dataclasses
import logging
import shutil
from pathlib import Path

from pipelines.cluster.placement import connect
from pipelines.entrypoint import InterruptionError, run
from pipelines.paths import PREPARED_DIR, RUNS_DIR, TUNE_DIR
from pipelines.repository.origin import origin
from pipelines.runs.dataset import publish_dataset
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.owner import owned
from pipelines.runs.state import (
    SAMPLES_FOLDER,
    RunningState,
    close_running_state,
    open_study_state,
    study_folder,
)
from pipelines.tracking.description import RunDescription, data_record
from pipelines.tracking.live_study import LiveStudy
from pipelines.tracking.uri import tracking_uri
from pipelines.tuning.console import StudyConsole
from pipelines.tuning.driver import TrialPlacement, place_trials
from pipelines.tuning.report import report_text, write_study
from pipelines.tuning.study import run_study
from pipelines.tuning.study_log import StudyLog, read_trials, trial_folder
from pipelines.tuning.trial import TrialJob
from pix2pix.config import Params, load_params
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.tuning.space import check_space, first_kept_epoch, total_epochs
from pix2pix.tuning.trials import Trial

logger = logging.getLogger(__name__)


def _follow(params: Params, manifest: Manifest, state: RunningState) -> LiveStudy:
    description = RunDescription(
        run_key=state.run_key,
        started_s=state.started_s,
        experiment=params.register.experiment,
        params=dataclasses.asdict(params),
        data=data_record(manifest, name=params.data.name),
        origin=origin(Path()),
    )
    return LiveStudy(
        tracking_uri(), description, grid=lambda trial: _last_grid(state.folder, trial)
    )


def _last_grid(study: Folder, trial: Trial) -> bytes | None:
    """The sample grid of the last epoch that has one, of a trial that has ended."""
    samples = trial_folder(study, trial.number) / SAMPLES_FOLDER
    names = sorted(samples.names()) if trial.status != "running" else []
    return samples.read(names[-1]) if names else None


def _listen(params: Params, state: RunningState, live: LiveStudy) -> StudyLog:
    """The log of the study, which the console and MLflow hear."""
    console = StudyConsole(
        num_trials=params.tune.num_trials,
        total_epochs=total_epochs(params),
        first_epoch=first_kept_epoch(params),
    )
    earlier = read_trials(state.folder)
    console.remember(earlier)
    for trial in earlier:
        live(trial)

    def tell(trial: Trial) -> None:
        console(trial)
        live(trial)

    return StudyLog(state.folder, tell)


def _tune(
    params: Params, manifest: Manifest, state: RunningState, *, place: TrialPlacement
) -> bool:
    """Run the study and write its files; return whether MLflow has all of it."""
    dataset = publish_dataset(PREPARED_DIR, manifest, params.train.storage_path)
    job = TrialJob(params=params, dataset=dataset, study=state.folder)
    live = _follow(params, manifest, state)
    try:
        result = run_study(job, _listen(params, state, live), place=place)
        shutil.rmtree(TUNE_DIR, ignore_errors=True)  # of an earlier study, run by hand
        reports = write_study(TUNE_DIR, result, params)
    except (InterruptionError, KeyboardInterrupt):  # the latter of a second signal
        live.close("KILLED", {})
        raise
    except Exception:  # whatever it was: the run in MLflow has ended
        live.close("FAILED", {})
        raise
    is_sent = live.close("FINISHED", reports)
    logger.info("%s", report_text(result, params))
    return is_sent


def main() -> None:
    """Read params.yaml and data/prepared, write reports/tune."""
    params = load_params()
    check_space(params)
    manifest = load_manifest(PREPARED_DIR)
    storage = open_folder(params.train.storage_path or str(RUNS_DIR))
    with owned(study_folder(storage, params, manifest.data_hash)):
        _begin_or_continue(params, manifest, storage)


def _begin_or_continue(params: Params, manifest: Manifest, storage: Folder) -> None:
    connect(params.train.ray_address)
    place = place_trials(params.tune)
    state = open_study_state(storage, params, manifest.data_hash)
    if not state.is_new:
        logger.info("continuing the interrupted study in %s", state.folder)
    if _tune(params, manifest, state, place=place):
        close_running_state(state)
    else:
        logger.warning(
            "MLflow lacks some of the study, which is kept in %s; when MLflow answers, "
            "`dvc repro -f -s tune` sends it, and runs no trial again",
            state.folder,
        )


if __name__ == "__main__":
    run(main)
