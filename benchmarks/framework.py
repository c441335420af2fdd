"""What Ray, reports, checkpoints and MLflow cost on top of the bare loop."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import ray
import torch

from benchmarks.results import CheckpointTimes, RunTimes, Variant
from benchmarks.workload import in_fresh_process, prepare, preset, train_bare, with_length
from pipelines.cluster.placement import Placement
from pipelines.repository.origin import origin
from pipelines.runs.checkpoints import checkpoints, write_checkpoint
from pipelines.runs.dataset import publish_dataset
from pipelines.runs.folder import open_folder
from pipelines.runs.state import SAMPLES_FOLDER, open_state, training_folder
from pipelines.tracking.description import RunDescription, data_record
from pipelines.tracking.live_run import LiveRun
from pipelines.training.driver import train
from pix2pix.config import Params, height_width
from pix2pix.data.manifest import load_manifest
from pix2pix.models import network_configs
from pix2pix.training import new_state, train_step
from pix2pix.training_checkpoint import save_training


def measure_framework(
    preset_name: str,
    *,
    num_train: int,
    num_epochs: int,
    num_rounds: int,
    num_cores: int,
    variants: Sequence[Variant] = ("bare", "ray", "ray_mlflow"),
) -> list[RunTimes]:
    """The same training, one worker with `num_cores`, in each variant.

    Every other round has the variants in reverse order: a machine gets warm, or a neighbour busy.
    """
    params = with_length(preset(preset_name), num_train=num_train, num_epochs=num_epochs)
    elapsed_s: dict[Variant, list[float]] = {variant: [] for variant in variants}
    with tempfile.TemporaryDirectory() as folder:
        prepared_dir = prepare(Path(folder), params)
        num_images = (num_epochs - 1) * _images_of_an_epoch(prepared_dir, params)
        for turn in range(num_rounds):
            for variant in variants if turn % 2 == 0 else reversed(variants):
                history = _run(variant, params, prepared_dir, num_cores=num_cores)
                elapsed_s[variant].append(_after_first_epoch_s(history))
    return [
        RunTimes(
            variant=variant,
            worker_cores=num_cores,
            num_images=num_images,
            elapsed_s=elapsed_s[variant],
        )
        for variant in variants
    ]


def _run(
    variant: Variant, params: Params, prepared_dir: Path, *, num_cores: int
) -> list[dict[str, float]]:
    if variant == "bare":
        return in_fresh_process(train_bare, params, prepared_dir, num_threads=num_cores)
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{folder}/mlflow.db" if variant == "ray_mlflow" else None
        return in_fresh_process(
            train_under_ray, params, prepared_dir, Path(folder), num_cores=num_cores, uri=uri
        )


def train_under_ray(
    params: Params, prepared_dir: Path, folder: Path, *, num_cores: int, uri: str | None
) -> list[dict[str, float]]:
    """Train with one worker on a Ray of its own, followed by MLflow if there is a `uri`."""
    manifest = load_manifest(prepared_dir)
    state = open_state(
        training_folder(open_folder(str(folder / "runs")), params, manifest.data_hash)
    )
    description = RunDescription(
        run_key=state.run_key,
        name=params.data.name,
        started_s=state.started_s,
        experiment=params.register.experiment,
        params=asdict(params),
        data=data_record(manifest, name=params.data.name),
        origin=origin(Path()),
    )
    with ray.init("local", num_cpus=num_cores, include_dashboard=False, log_to_driver=False):
        trained = train(
            params,
            publish_dataset(prepared_dir, manifest, None),
            placement=Placement(
                min_workers=1, max_workers=1, cpus_per_worker=num_cores, use_gpu=False
            ),
            run=state.folder,
            live_run=None
            if uri is None
            else LiveRun(uri, description, samples=state.folder / SAMPLES_FOLDER),
        )
    return trained.history


def _after_first_epoch_s(history: list[dict[str, float]]) -> float:
    """From the end of the first epoch to the end of the last, by the records' own clock.

    In between lie as many reports and checkpoints as epochs: each epoch's come after its record.
    """
    ends_s = {record["epoch"]: record["time_s"] for record in history}
    return ends_s[max(ends_s)] - ends_s[1]


def _images_of_an_epoch(prepared_dir: Path, params: Params) -> int:
    num_pairs = len(load_manifest(prepared_dir).splits["train"].pair_ids)
    return num_pairs // params.train.batch_size * params.train.batch_size


def measure_checkpoint(preset_name: str, num_repeats: int) -> CheckpointTimes:
    """Size and time of writing the state after one step."""
    params = preset(preset_name)
    config = replace(params.train, batch_size=1, num_workers=1)
    state = new_state(*network_configs(params), config=config)
    image = torch.zeros(1, 3, *height_width(params.data.image_size))
    train_step(state, image, image, config)  # Adam has moments from the first step on
    state.keep_as_best({})  # a checkpoint holds the networks of the best epoch, too
    write_s = []
    with tempfile.TemporaryDirectory() as path:
        folder = open_folder(path)
        for step in range(num_repeats):
            started_s = time.perf_counter()
            staged = folder.stage() / "training.pt"
            save_training(staged, state.state_dict())
            write_checkpoint(folder, staged, step=step, epoch=None)
            write_s.append(time.perf_counter() - started_s)
        newest, *_ = checkpoints(folder)
        num_bytes = Path(path, str(newest)).stat().st_size
    return CheckpointTimes(preset=preset_name, num_bytes=num_bytes, write_s=write_s)
