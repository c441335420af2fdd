"""DVC stage `train`: train under Ray Train, keep the best epoch by dev L1."""

import logging
import shutil
import time
from functools import partial
from pathlib import Path

from pipelines.cluster.failure import as_user_error
from pipelines.cluster.placement import Placement, connect, find_placement
from pipelines.entrypoint import CONTINUES, InterruptionError, run
from pipelines.evaluation.model_content import content_hash
from pipelines.evaluation.parent_fit import unlike_parent
from pipelines.paths import (
    AUGMENTATION_PATH,
    CURVES_PATH,
    HISTORY_PATH,
    KEPT_EPOCHS_DIR,
    MODEL_DIR,
    PREPARED_DIR,
    PROFILE_DIR,
    SAMPLES_DIR,
    TRAIN_PATH,
)
from pipelines.repository.origin import Origin, origin
from pipelines.repository.stage_inputs import read_inputs, refuse_changes
from pipelines.runs.dataset import publish_dataset
from pipelines.runs.folder import Folder
from pipelines.runs.history import curves_csv, history_jsonl
from pipelines.runs.machines import recorded_machines
from pipelines.runs.owner import owned
from pipelines.runs.parent import ParentFile, publish_parent
from pipelines.runs.samples import sample_name
from pipelines.runs.state import (
    CHECKPOINTS_FOLDER,
    SAMPLES_FOLDER,
    RunningState,
    open_state,
    training_folder,
)
from pipelines.tracking.begun_run import begun_run
from pipelines.tracking.description import RunDescription
from pipelines.tracking.live_run import LiveRun, mark_ended
from pipelines.tracking.node_metrics import node_metrics
from pipelines.tracking.train_record import TrainRecord, write_train_record
from pipelines.tracking.uri import tracking_uri
from pipelines.training.batches import train_augmentation
from pipelines.training.computing import recorded_computing
from pipelines.training.driver import Trained, train
from pipelines.training.inputs import checked_inputs
from pipelines.training.kept_checkpoints import other_kept_epochs
from pipelines.training.profiles import copy_profile
from pipelines.training.trained_model import write_model
from pix2pix.config import Params, load_params
from pix2pix.data.contact_sheet import augmentation_sheet
from pix2pix.data.manifest import Manifest
from pix2pix.data.prepared import open_split, source_statistics
from pix2pix.files import write_bytes, write_text
from pix2pix.images.grids import write_png
from pix2pix.model_card import ModelCard
from pix2pix.models import network_configs
from pix2pix.parent import Parent
from pix2pix.parent_record import ParentRecord

logger = logging.getLogger(__name__)


def _train(
    params: Params,
    manifest: Manifest,
    *,
    placement: Placement,
    state: RunningState,
    description: RunDescription,
    parent: ParentRecord | None,
) -> Trained:
    try:
        return train(
            params,
            publish_dataset(PREPARED_DIR, manifest, params.train.storage_path),
            placement=placement,
            run=state.folder,
            live_run=LiveRun(tracking_uri(), description, samples=state.folder / SAMPLES_FOLDER),
            node_metrics=node_metrics(tracking_uri(), description),
            parent=None if parent is None else state.folder,
        )
    except (InterruptionError, KeyboardInterrupt):  # a second signal raises KeyboardInterrupt
        # The worker of rank 0 may have ended before it could set the status of the MLflow run.
        mark_ended(tracking_uri(), description, status="KILLED")
        raise
    except Exception as error:
        mark_ended(tracking_uri(), description, status="FAILED")
        failed = as_user_error(error, state.folder)
        if failed is None:
            raise
        raise failed from error


def _write_outputs(
    trained: Trained,
    params: Params,
    manifest: Manifest,
    *,
    checkpoints: Folder,
    parent: ParentRecord | None,
) -> ModelCard:
    # DVC removes the outputs of an earlier training, but not if the stage is started by hand.
    for folder in (SAMPLES_DIR, KEPT_EPOCHS_DIR):
        shutil.rmtree(folder, ignore_errors=True)
    for epoch, png in trained.samples.items():
        write_bytes(SAMPLES_DIR / sample_name(epoch), png)
    sheet = augmentation_sheet(
        open_split(PREPARED_DIR, "train"),
        train_augmentation(params, manifest),
        seed=params.train.seed,
    )
    write_png(AUGMENTATION_PATH, sheet)
    write_text(HISTORY_PATH, history_jsonl(trained.history))
    write_text(CURVES_PATH, curves_csv(trained.history))
    statistics = source_statistics(PREPARED_DIR, manifest.source)
    write = partial(
        write_model, params=params, manifest=manifest, parent=parent, statistics=statistics
    )
    for other in other_kept_epochs(
        checkpoints, trained.history, params.train, best_epoch=trained.best.epoch
    ):
        write(KEPT_EPOCHS_DIR / f"epoch_{other.epoch:04d}", other)
    card = write(MODEL_DIR, trained.best)
    logger.info(
        "best dev L1 %.4f after epoch %d, %s inference",
        card.dev["dev/l1"],
        card.epoch,
        card.inference_mode,
    )
    return card


def main() -> None:
    """Read params.yaml and data/prepared, write models/ and the training's reports."""
    params = load_params()
    read = read_inputs("train", params)
    inputs = checked_inputs(params, batch_size=params.train.batch_size)
    manifest = inputs.manifest
    begun = origin(Path())
    folder = training_folder(
        inputs.storage, params, manifest.data_hash, parent_sha256=inputs.parent_sha256
    )
    with owned(folder):
        _begin_or_continue(params, manifest, folder=folder, begun=begun, parent_file=inputs.parent)
        refuse_changes(
            read,
            kept=f"The finished training stays in {folder}: with the earlier values the same "
            "command takes it over at once",
        )
        folder.remove_all()


def _begin_or_continue(
    params: Params,
    manifest: Manifest,
    *,
    folder: Folder,
    begun: Origin,
    parent_file: ParentFile | None,
) -> None:
    """Train to the end, and write models/ and the reports."""
    state = open_state(folder)
    if not state.is_new:
        logger.info("continuing the interrupted training in %s", folder)
    parent = None
    if parent_file is not None:
        publish_parent(parent_file, folder)
        parent = _parent_record(parent_file.parent, params, manifest)
    connect(params.train.ray_address)
    placement = find_placement(params.train)
    resumed_s = time.time()
    reference = None if parent is None else parent.reference
    description = begun_run(params, manifest, state, origin=begun, parent=reference)
    trained = _train(
        params, manifest, placement=placement, state=state, description=description, parent=parent
    )
    checkpoints = folder / CHECKPOINTS_FOLDER
    card = _write_outputs(trained, params, manifest, checkpoints=checkpoints, parent=parent)
    copy_profile(folder, PROFILE_DIR)
    computing = recorded_computing(folder)
    record = TrainRecord(
        **description.beginning(),
        elapsed_s=time.time() - resumed_s,
        num_workers=placement.max_workers,
        computing=None if computing is None else computing._asdict(),
        machines=recorded_machines(folder),
        epochs=int(trained.history[-1]["epoch"]),
        best_epoch=card.epoch,
        model_sha256=content_hash(MODEL_DIR),
        parent=parent,
    )
    write_train_record(TRAIN_PATH, record)


def _parent_record(parent: Parent, params: Params, manifest: Manifest) -> ParentRecord:
    """Return what is recorded of the parent, and log it."""
    generator_config, _ = network_configs(params)
    unlike = unlike_parent(parent, manifest, generator_config)
    record = parent.record(generator_config, unlike=unlike)
    logger.info("starting from %s", record.summary)
    if unlike is not None:
        logger.warning("the parent is of another kind: %s", unlike)
    return record


if __name__ == "__main__":
    run(main, if_interrupted=CONTINUES)
