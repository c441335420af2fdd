"""DVC stage `tune`: search for better parameters on the dev split."""

import logging
import shutil
from pathlib import Path

from pipelines.cluster.placement import connect
from pipelines.entrypoint import CONTINUES, InterruptionError, run
from pipelines.paths import PREPARED_DIR, TUNE_DIR
from pipelines.repository.origin import origin
from pipelines.repository.stage_inputs import read_inputs, refuse_changes
from pipelines.runs.dataset import publish_dataset
from pipelines.runs.owner import owned
from pipelines.runs.parent import ParentFile, publish_parent
from pipelines.runs.state import RunningState, open_state, study_folder
from pipelines.tracking.begun_run import begun_run
from pipelines.training.inputs import checked_inputs
from pipelines.tuning.follower import StudyFollower, live_study
from pipelines.tuning.placement import TrialPlacement, place_trials
from pipelines.tuning.report import report_text, write_study
from pipelines.tuning.study import run_study
from pipelines.tuning.trial import TrialJob
from pix2pix.config import Params, load_params
from pix2pix.data.manifest import Manifest
from pix2pix.tuning.space import check_space, idle_keys_caution, largest_batch

logger = logging.getLogger(__name__)


def _tune(
    params: Params,
    manifest: Manifest,
    state: RunningState,
    placement: TrialPlacement,
    parent: ParentFile | None,
) -> bool:
    """Run the study and write its files; return whether MLflow has all of it."""
    description = begun_run(
        params, manifest, state, origin=origin(Path()), parent=params.train.init_from
    )
    try:
        dataset = publish_dataset(PREPARED_DIR, manifest, params.train.storage_path)
        if parent is not None:
            publish_parent(parent, state.folder)
        job = TrialJob(
            params=params, dataset=dataset, study=state.folder, has_parent=parent is not None
        )
        follower = StudyFollower(params, state.folder, description)
        result = run_study(job, placement, [follower])
        shutil.rmtree(TUNE_DIR, ignore_errors=True)  # of an earlier study, run by hand
        reports = write_study(TUNE_DIR, result, params)
    except BaseException as error:  # whatever it was: the run in MLflow has ended
        # The second signal raises KeyboardInterrupt.
        is_killed = isinstance(error, InterruptionError | KeyboardInterrupt)
        live_study(state.folder, description).end("KILLED" if is_killed else "FAILED", {})
        raise
    live = live_study(state.folder, description)
    for trial in result.search + result.repeats:
        live(trial)  # MLflow may lack some, if it did not answer for a while
    is_sent = live.end("FINISHED", reports)
    logger.info("%s", report_text(result, params))
    return is_sent


def main() -> None:
    """Read params.yaml and data/prepared, write reports/tune."""
    params = load_params()
    read = read_inputs("tune", params)
    check_space(params)
    inputs = checked_inputs(params, batch_size=largest_batch(params))
    manifest = inputs.manifest
    if (idle := idle_keys_caution(params)) is not None:
        logger.warning("%s", idle)
    folder = study_folder(
        inputs.storage, params, manifest.data_hash, parent_sha256=inputs.parent_sha256
    )
    with owned(folder):
        connect(params.train.ray_address)
        placement = place_trials(params.tune)
        state = open_state(folder)
        if not state.is_new:
            logger.info("continuing the interrupted study in %s", folder)
        is_sent = _tune(params, manifest, state, placement, inputs.parent)
        if not is_sent:
            logger.warning(
                "MLflow lacks some of the study, which is kept in %s; when MLflow answers, "
                "`dvc repro -f -s tune` sends it, and runs no trial again",
                folder,
            )
        refuse_changes(
            read,
            kept=f"The finished study stays in {folder}: with the earlier values the same command "
            "runs no trial again",
        )
        if is_sent:
            folder.remove_all()


if __name__ == "__main__":
    run(main, if_interrupted=CONTINUES)
