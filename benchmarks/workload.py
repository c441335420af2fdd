"""What is trained on: drawn pairs, and the training loop without any framework around it."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch

from pipelines.repository.presets import preset_params
from pipelines.training.batches import sample_indices, train_augmentation
from pix2pix.config import Params
from pix2pix.data.loader import EvalBatches, TrainBatches
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split, stacked
from pix2pix.data.ranges import to_network
from pix2pix.models import network_configs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from pix2pix.training import DevSet, fit, new_state

_PROJECT_DIR = Path(__file__).resolve().parent.parent
_CPU = torch.device("cpu")
_DEV_BATCH = 8  # as under Ray

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def preset(name: str) -> Params:
    """A preset of the project, made to run on CPUs and to keep every epoch's state."""
    params = preset_params(name, _PROJECT_DIR)
    train = replace(params.train, device="cpu", best_from_epoch=1, checkpoint_every_epochs=1)
    return replace(params, train=train)


def with_length(params: Params, *, num_train: int, num_epochs: int) -> Params:
    """The same training on `num_train` drawn pairs, for so many epochs."""
    synthetic = replace(params.data.synthetic, num_train=num_train, num_test=2)
    return replace(
        params,
        data=replace(params.data, synthetic=synthetic),
        train=replace(params.train, num_epochs=num_epochs, num_decay_epochs=0),
    )


def prepare(folder: Path, params: Params) -> Path:
    """Draw and prepare the pairs; the folder of prepared data."""
    write_synthetic(folder / "raw", params.data.synthetic)
    prepare_pairs(folder / "raw", folder / "prepared", params.data, num_workers=1)
    return folder / "prepared"


def in_fresh_process(
    function: Callable[_Arguments, _Result],
    *args: _Arguments.args,
    **kwargs: _Arguments.kwargs,
) -> _Result:
    """Call `function` where nothing ran before: no thread pools, no caches, no Ray."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


def train_bare(params: Params, prepared_dir: Path, *, num_threads: int) -> list[dict[str, float]]:
    """Train in this process; the history, one record per epoch."""
    torch.set_num_threads(num_threads)
    manifest = load_manifest(prepared_dir)
    dev = open_split(prepared_dir, "dev")
    shown = stacked(dev.source, sample_indices(dev, params.train.num_samples))
    dev_batches = EvalBatches(
        dev, source=manifest.source, target=manifest.target, batch_size=_DEV_BATCH, device=_CPU
    )
    samples = to_network(torch.from_numpy(shown), manifest.source.value_range)
    state = new_state(*network_configs(params), config=params.train)
    with _batches(params, prepared_dir) as batches:
        for _ in fit(state, batches, params.train, dev=DevSet(dev_batches, [samples])):
            pass
    return state.history


def loader_images_per_s(params: Params, prepared_dir: Path) -> float:
    """Images that one process reads and augments per second, in one epoch."""
    torch.set_num_threads(1)
    with _batches(params, prepared_dir) as batches:
        started_s = time.perf_counter()
        num_images = sum(len(source) for source, *_ in batches(0))
        return num_images / (time.perf_counter() - started_s)


def _batches(params: Params, prepared_dir: Path) -> TrainBatches:
    manifest = load_manifest(prepared_dir)
    augmentation = train_augmentation(params, manifest)
    return TrainBatches(
        open_split(prepared_dir, "train"),
        augmentation,
        seed=params.train.seed,
        batch_size=params.train.batch_size,
        device=_CPU,
        loader_threads=params.train.loader_workers,
    )
