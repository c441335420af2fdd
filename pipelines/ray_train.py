"""Training under Ray Train: what a worker does, and what the driver asks for and gets back."""

import dataclasses
import logging
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray.train
import ray.train.torch
import torch
from pyarrow.fs import FileSelector
from torch import nn

from pipelines.ray_cluster import Placement
from pipelines.ray_console import WorkerConsole, console
from pipelines.sample_grids import SampleGrids
from pipelines.tracking import LiveRun
from pix2pix.checkpoint import load_training, save_training
from pix2pix.config import Params, TrainConfig, parse_params
from pix2pix.data.augment import make_augmentation
from pix2pix.data.loader import EvalBatches, TrainBatches
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.prepared import PreparedSplit, open_split
from pix2pix.data.ranges import to_network
from pix2pix.models import network_configs
from pix2pix.training import DevSet, EpochResult, TrainState, fit, new_state
from pix2pix.training.dev import better_mode
from pix2pix.training.distributed import wrapping_options

_STATE_FILE = "training.pt"
_SAMPLES_FOLDER = "samples"
_SCORE = "score"  # by which Ray keeps a checkpoint beside the latest one
_NEVER_BEST = 10.0  # added to a dev L1, which is at most 1
_DEV_BATCH = 8  # images; only speed depends on it


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlace:
    """Where a training keeps its running state, and which MLflow run follows it live."""

    name: str  # the same name continues the same training
    storage_path: str
    live_run: LiveRun | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a finished training left."""

    history: list[dict[str, float]]
    best: dict[str, Any]  # the training state of the epoch with the lowest dev L1
    samples: dict[int, bytes]  # PNG by epoch


def train(params: Params, prepared_dir: Path, *, place: Placement, run: RunPlace) -> Trained:
    """Train on the connected Ray cluster, from the latest checkpoint of a run of that name.

    Raises ray.train.TrainingFailedError if a worker failed.
    """
    message: dict[str, Any] = {
        "params": dataclasses.asdict(params),
        "prepared_dir": str(prepared_dir.resolve()),
        "live_run": run.live_run,
        "cpus": place.cpus_per_worker,
    }
    with console(params.train.total_epochs) as mailbox:
        result = _trainer(message | {"mailbox": mailbox}, place, run).fit()
    # The last epoch is always kept, and so is the best.
    assert result.checkpoint is not None
    assert result.best_checkpoints
    best, _ = min(result.best_checkpoints, key=lambda kept: kept[1][_SCORE])
    return Trained(
        history=_read_state(result.checkpoint)["history"],
        best=_read_state(best),
        samples=_read_samples(result),
    )


def _trainer(
    message: dict[str, Any], place: Placement, run: RunPlace
) -> ray.train.torch.TorchTrainer:
    return ray.train.torch.TorchTrainer(
        train_worker,
        train_loop_config=message,
        scaling_config=ray.train.ScalingConfig(
            num_workers=place.num_workers,
            use_gpu=place.use_gpu,
            resources_per_worker={"CPU": place.cpus_per_worker}
            | ({"GPU": 1} if place.use_gpu else {}),
        ),
        run_config=ray.train.RunConfig(
            name=run.name,
            storage_path=run.storage_path,
            checkpoint_config=ray.train.CheckpointConfig(
                num_to_keep=1, checkpoint_score_attribute=_SCORE, checkpoint_score_order="min"
            ),
        ),
    )


def train_worker(message: dict[str, Any]) -> None:
    """Run on each Ray Train worker: train, and report each epoch equally often on every rank."""
    params = parse_params(message["params"])
    torch.set_num_threads(message["cpus"])
    shown_console = WorkerConsole(message["mailbox"])
    logging.getLogger().addHandler(shown_console)
    prepared_dir = Path(message["prepared_dir"])
    manifest = load_manifest(prepared_dir)
    context = ray.train.get_context()
    is_first = context.get_world_rank() == 0
    state = new_state(*network_configs(params), config=params.train, wrap=_prepare)
    _restore(state)
    dev = open_split(prepared_dir, "dev")
    shown = dev_samples(dev, params.train.num_samples)
    grids = SampleGrids(dev, shown, manifest)
    on_step = shown_console if is_first else None
    with _train_batches(params, prepared_dir, manifest) as batches, _live(message) as live:
        dev_set = DevSet(_dev_batches(dev, manifest), _sources(dev, shown, manifest))
        for result in fit(state, batches, params.train, dev=dev_set, on_step=on_step):
            mode = better_mode(result.metrics)
            png = None if result.samples is None else grids.png(result.samples, mode)
            if png is not None:
                _write_sample(result.epoch, png)
            if live is not None:
                live.log_epoch(state.history[-1], png)
            kept = state if is_first and _is_kept(result, params.train) else None
            # Not infinity: Ray's record of the run is JSON, where that would come back as null.
            score = result.metrics["dev/l1"] + (0.0 if result.may_be_kept else _NEVER_BEST)
            _report(result.metrics | {"epoch": result.epoch, _SCORE: score}, kept)


def _live(message: dict[str, Any]) -> AbstractContextManager[LiveRun | None]:
    """The MLflow run to follow, on one rank."""
    live: LiveRun | None = message["live_run"]
    if live is None or ray.train.get_context().get_world_rank() > 0:
        return nullcontext()
    return live


def _is_kept(result: EpochResult, config: TrainConfig) -> bool:
    """Whether this epoch is worth a checkpoint; the untrained one never is."""
    due = result.epoch % config.checkpoint_every_epochs == 0
    return result.epoch > 0 and (due or result.is_best or result.is_last)


def dev_samples(dev: PreparedSplit, num_samples: int) -> list[int]:
    """Positions of the fixed dev pairs of the sample grids, spread over the split."""
    count = min(num_samples, len(dev.pair_ids))
    return [int(place) for place in np.linspace(0, len(dev.pair_ids) - 1, count)]


def _prepare(network: nn.Module) -> nn.Module:
    """On this worker's device, and wrapped if there are several."""
    prepared: nn.Module = ray.train.torch.prepare_model(
        network, parallel_strategy_kwargs=wrapping_options()
    )
    return prepared


def _restore(state: TrainState) -> None:
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is not None:
        state.load_state_dict(_read_state(checkpoint))


def _read_state(checkpoint: ray.train.Checkpoint) -> dict[str, Any]:
    with checkpoint.as_directory() as folder:
        return load_training(Path(folder) / _STATE_FILE)


def _report(metrics: dict[str, float], state: TrainState | None) -> None:
    """Report an epoch; `state` is given on the rank that writes a checkpoint of it."""
    if state is None:
        ray.train.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        save_training(Path(folder) / _STATE_FILE, state.state_dict())
        ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))


def _train_batches(params: Params, prepared_dir: Path, manifest: Manifest) -> TrainBatches:
    context = ray.train.get_context()
    augmentation = make_augmentation(
        params.augment, params.data, source=manifest.source, target=manifest.target
    )
    return TrainBatches(
        open_split(prepared_dir, "train"),
        augmentation,
        seed=params.train.seed,
        batch_size=params.train.batch_size,
        device=ray.train.torch.get_device(),
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
        loader_workers=params.train.loader_workers,
    )


def _dev_batches(dev: PreparedSplit, manifest: Manifest) -> EvalBatches:
    context = ray.train.get_context()
    return EvalBatches(
        dev,
        source=manifest.source,
        target=manifest.target,
        batch_size=_DEV_BATCH,
        device=ray.train.torch.get_device(),
        rank=context.get_world_rank(),
        world_size=context.get_world_size(),
    )


def _sources(dev: PreparedSplit, shown: list[int], manifest: Manifest) -> torch.Tensor:
    return to_network(torch.from_numpy(dev.source[shown]), manifest.source.value_range)


def _storage() -> tuple[Any, str]:
    """The run's file system (local, shared or object store) and its folder there."""
    storage = ray.train.get_context().get_storage()
    return storage.storage_filesystem, f"{storage.experiment_fs_path}/{_SAMPLES_FOLDER}"


def _write_sample(epoch: int, png: bytes) -> None:
    filesystem, folder = _storage()
    filesystem.create_dir(folder, recursive=True)
    with filesystem.open_output_stream(f"{folder}/epoch_{epoch:04d}.png") as file:
        file.write(png)


def _read_samples(result: ray.train.Result) -> dict[int, bytes]:
    selector = FileSelector(f"{result.path}/{_SAMPLES_FOLDER}")
    return {
        int(Path(info.base_name).stem.removeprefix("epoch_")): result.filesystem.open_input_stream(
            info.path
        ).read()
        for info in result.filesystem.get_file_info(selector)
    }
