"""Train and score a version again in a workspace, from the recorded code, data and parameters."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.json_files import read_json
from pipelines.paths import METRICS_PATH, MODEL_DIR, TRAIN_PATH
from pipelines.registry.lineage import Lineage
from pipelines.repository.dvc_project import stages_up_to
from pipelines.repository.git import Revision
from pipelines.repository.workspace import Workspace, remove_stale, workspace
from pipelines.reproduction.data import DATA_STAGES, bring_data
from pipelines.reproduction.params import params_here, write_params
from pipelines.reproduction.parent import PARENT_STAGE, bring_parent
from pipelines.reproduction.stages import run_stage
from pipelines.tracking.finished_run import scores_of
from pipelines.tracking.train_record import TrainRecord, read_train_record
from pipelines.tracking.uri import tracking_uri
from pix2pix.weights import WeightsHash, weights_hashes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuilt:
    """The result of training a version again. The model folder ends with the workspace."""

    model_dir: Path
    training: TrainRecord
    data: str  # in words: where the prepared pairs come from
    parent: str | None  # in words: the model that it started from, and where that comes from
    weights: Mapping[str, WeightsHash]
    scores: Mapping[str, float]
    elapsed_s: float  # of all stages


@contextmanager
def rebuilt(
    project_dir: Path, revision: Revision, lineage: Lineage, *, variant: str, keeps: bool
) -> Iterator[Rebuilt]:
    """Train the version of `lineage` again in a workspace; yield the result.

    The workspace is removed when the block ends, unless `keeps` is true. After an error or a signal
    it stays, and the next call with the same `variant` goes on in it. Raises UserError if the data
    cannot be had or a stage fails.
    """
    for removed in remove_stale(project_dir):
        logger.info("removed the abandoned workspace %s", removed.name)
    with workspace(project_dir, revision, {}, variant=f"reproduce {variant}") as opened:
        yield _run_stages(opened, project_dir.resolve(), lineage)
        if keeps:
            logger.info("the model that was trained again is in %s", opened.project_dir / MODEL_DIR)
        else:
            opened.discard()


def _run_stages(opened: Workspace, project_dir: Path, lineage: Lineage) -> Rebuilt:
    """Run the stages from `prepare` to `evaluate`, and read what they have made."""
    started_s = time.monotonic()
    folder = opened.project_dir
    verb = "going on in" if opened.is_continued else "made"
    logger.info("%s the workspace %s", verb, folder)
    params = params_here(lineage.training, checkout=folder, project_dir=project_dir)
    write_params(folder, params)
    shell = opened.shell(MLFLOW_TRACKING_URI=tracking_uri())
    parent = None
    if (recorded := lineage.training.parent) is not None:
        parent = bring_parent(
            shell, recorded, outputs=lineage.outputs, params=params, project_dir=project_dir
        )
    data = bring_data(shell, lineage, params)
    done = DATA_STAGES if parent is None else DATA_STAGES | {PARENT_STAGE}
    for stage in stages_up_to(folder, ["evaluate"]):
        if stage not in done:
            run_stage(shell, stage)
    return Rebuilt(
        model_dir=folder / MODEL_DIR,
        training=read_train_record(folder / TRAIN_PATH),
        data=data,
        parent=parent,
        weights=weights_hashes(folder / MODEL_DIR),
        scores=scores_of(read_json(folder / METRICS_PATH, made_by="evaluate")),
        elapsed_s=time.monotonic() - started_s,
    )
