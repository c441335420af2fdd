"""DVC stage `train`: train under Ray Train, keep the best epoch by dev L1."""

import csv
import dataclasses
import io
import logging
import math
import shutil
import time
from pathlib import Path

from pipelines.cluster.failure import as_user_error
from pipelines.cluster.placement import Placement, connect, find_placement
from pipelines.entrypoint import InterruptionError, run
from pipelines.evaluation.model_content import content_hash
from pipelines.paths import (
    AUGMENTATION_PATH,
    CURVES_PATH,
    HISTORY_PATH,
    MODEL_DIR,
    PREPARED_DIR,
    RUNS_DIR,
    SAMPLES_DIR,
    TRAIN_PATH,
)
from pipelines.repository.origin import Origin, origin
from pipelines.runs.dataset import publish_dataset
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.history import as_json, history_jsonl
from pipelines.runs.owner import owned
from pipelines.runs.samples import sample_name
from pipelines.runs.state import (
    SAMPLES_FOLDER,
    RunningState,
    close_running_state,
    open_running_state,
    training_folder,
)
from pipelines.tracking.description import RunDescription, data_record
from pipelines.tracking.live_run import LiveRun, mark_ended
from pipelines.tracking.train_record import TrainRecord, write_train_record
from pipelines.tracking.uri import tracking_uri
from pipelines.training.driver import Trained, train
from pipelines.training.precision import recorded_precision
from pix2pix.checkpoint import ModelCard, save_model
from pix2pix.config import Params, load_params
from pix2pix.data.augment import make_augmentation
from pix2pix.data.contact_sheet import augmentation_sheet
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.files import write_bytes, write_text
from pix2pix.images.grids import write_png
from pix2pix.models import PatchDiscriminator, UNetGenerator, network_configs
from pix2pix.training import Best
from pix2pix.training.dev import better_mode

logger = logging.getLogger(__name__)


def write_model(model_dir: Path, best: Best, *, params: Params, manifest: Manifest) -> ModelCard:
    """Write the model folder of the best epoch, with its better inference mode."""
    generator_config, discriminator_config = network_configs(params)
    generator, discriminator = (
        UNetGenerator(generator_config),
        PatchDiscriminator(discriminator_config),
    )
    generator.load_state_dict(best.generator)
    discriminator.load_state_dict(best.discriminator)
    card = ModelCard(
        format=1,
        name=params.data.name,
        direction=manifest.direction,
        image_size=manifest.image_size,
        scale=manifest.resize,
        load_size=manifest.load_size if manifest.resize == "fit" else None,
        target_scale=manifest.target_scale or 1.0,  # null: results have the size of their image
        source=manifest.source,
        target=manifest.target,
        generator=generator_config,
        discriminator=discriminator_config,
        inference_mode=better_mode(best.dev),
        seed=params.train.seed,
        epoch=best.epoch,
        dev={name: value for name, value in best.dev.items() if math.isfinite(value)},
        data_hash=manifest.data_hash,
        extra_sources=manifest.extra_sources,
    )
    save_model(model_dir, card, generator=generator, discriminator=discriminator)
    return card


def curves_csv(history: list[dict[str, float]]) -> str:
    """CSV text with one row per epoch and one column per metric.

    A metric that an epoch lacks, or that is not finite, is an empty cell.
    """
    columns = ["epoch", *sorted({name for record in history for name in record if "/" in name})]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(as_json(record) for record in history)
    return text.getvalue()


def _train(
    params: Params, manifest: Manifest, *, placement: Placement, state: RunningState, begun: Origin
) -> Trained:
    description = RunDescription(
        run_key=state.run_key,
        started_s=state.started_s,
        experiment=params.register.experiment,
        params=dataclasses.asdict(params),
        data=data_record(manifest, name=params.data.name),
        origin=begun,
    )
    try:
        return train(
            params,
            publish_dataset(PREPARED_DIR, manifest, params.train.storage_path),
            placement=placement,
            run=state.folder,
            live_run=LiveRun(tracking_uri(), description, samples=state.folder / SAMPLES_FOLDER),
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


def _write_outputs(trained: Trained, params: Params, manifest: Manifest) -> ModelCard:
    # DVC removes the outputs of an earlier training, but not if the stage is started by hand.
    shutil.rmtree(SAMPLES_DIR, ignore_errors=True)
    for epoch, png in trained.samples.items():
        write_bytes(SAMPLES_DIR / sample_name(epoch), png)
    augmentation = make_augmentation(
        params.augment,
        params.data,
        source=manifest.source,
        target=manifest.target,
        extra=manifest.extra_sides,
    )
    sheet = augmentation_sheet(
        open_split(PREPARED_DIR, "train"), augmentation, seed=params.train.seed
    )
    write_png(AUGMENTATION_PATH, sheet)
    write_text(HISTORY_PATH, history_jsonl(trained.history))
    write_text(CURVES_PATH, curves_csv(trained.history))
    return write_model(MODEL_DIR, trained.best, params=params, manifest=manifest)


def main() -> None:
    """Read params.yaml and data/prepared, write models/ and the training's reports."""
    params = load_params()
    manifest = load_manifest(PREPARED_DIR)
    begun = origin(Path())
    storage = open_folder(params.train.storage_path or str(RUNS_DIR))
    with owned(training_folder(storage, params, manifest.data_hash)):
        _begin_or_continue(params, manifest, storage=storage, begun=begun)


def _begin_or_continue(
    params: Params, manifest: Manifest, *, storage: Folder, begun: Origin
) -> None:
    state = open_running_state(storage, params, manifest.data_hash)
    if not state.is_new:
        logger.info("continuing the interrupted training in %s", state.folder)
    connect(params.train.ray_address)
    placement = find_placement(params.train)
    resumed_s = time.time()
    trained = _train(params, manifest, placement=placement, state=state, begun=begun)
    card = _write_outputs(trained, params, manifest)
    write_train_record(
        TRAIN_PATH,
        TrainRecord(
            run_key=state.run_key,
            started_s=state.started_s,
            elapsed_s=time.time() - resumed_s,
            num_workers=placement.max_workers,
            precision=_precision(state),
            epochs=int(trained.history[-1]["epoch"]),
            best_epoch=card.epoch,
            origin=begun,
            params=dataclasses.asdict(params),
            data=data_record(manifest, name=params.data.name),
            model_sha256=content_hash(MODEL_DIR),
        ),
    )
    close_running_state(state)
    logger.info(
        "best dev L1 %.4f after epoch %d, %s inference",
        card.dev["dev/l1"],
        card.epoch,
        card.inference_mode,
    )


def _precision(state: RunningState) -> dict[str, str] | None:
    choice = recorded_precision(state.folder)
    return None if choice is None else choice._asdict()


if __name__ == "__main__":
    run(main)
