"""A training of seconds under Ray: norm-free networks on ten drawn pairs of 32 px."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from pipelines.cluster.placement import Placement
from pipelines.runs.checkpoints import newest_checkpoint
from pipelines.runs.dataset import DatasetSource
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.state import CHECKPOINTS_FOLDER, RunningState, open_state, training_folder
from pipelines.tracking.live_run import LiveRun
from pipelines.training.driver import Trained, train
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from tests.support.drawn_batches import steady


def small_training(params: Params, **train_changes: Any) -> Params:
    """The parameters: three epochs of four steps, whatever the number of workers."""
    replace = dataclasses.replace
    synthetic = replace(params.data.synthetic, num_train=10, num_test=2, size_px=64)
    changes = {"checkpoint_every_steps": 2, "max_failures": 0, "max_rollbacks": 0, **train_changes}
    return replace(
        params,
        data=replace(params.data, synthetic=synthetic),
        model=replace(params.model, norm="none", dropout=0.0),
        train=replace(params.train, **changes),
    )


def small_dataset(params: Params, folder: Path) -> DatasetSource:
    """The prepared pairs, in a folder that every worker sees."""
    write_synthetic(folder / "raw", params.data.synthetic)
    prepare_pairs(folder / "raw", folder / "prepared", params.data, num_workers=1)
    data_hash = load_manifest(folder / "prepared").data_hash
    return DatasetSource(prepared_dir=folder / "prepared", data_hash=data_hash, shared_copy=None)


def begin(params: Params, dataset: DatasetSource, storage: Path | str) -> RunningState:
    """The folder of the training, as the stage makes it."""
    return open_state(training_folder(open_folder(str(storage)), params, dataset.data_hash))


def run(
    params: Params,
    dataset: DatasetSource,
    storage: Path | str,
    *,
    workers: tuple[int, int] = (1, 1),
    live_run: LiveRun | None = None,
) -> Trained:
    """Train, or go on with the training that was begun in `storage`."""
    state = begin(params, dataset, storage)
    placement = Placement(*workers, cpus_per_worker=1, use_gpu=False)
    return train(params, dataset, placement=placement, run=state.folder, live_run=live_run)


def checkpoints_of(params: Params, dataset: DatasetSource, storage: Path | str) -> Folder:
    """Where the training has its checkpoints."""
    return begin(params, dataset, storage).folder / CHECKPOINTS_FOLDER


def last_state(params: Params, dataset: DatasetSource, storage: Path | str) -> dict[str, Any]:
    """The state of the last checkpoint, without where it ran."""
    newest = newest_checkpoint(checkpoints_of(params, dataset, storage))
    assert newest is not None
    return {key: value for key, value in newest[1].items() if key != "params"}


def with_train(params: Params, **changes: object) -> Params:
    """The parameters with some of the training's changed."""
    return dataclasses.replace(params, train=dataclasses.replace(params.train, **changes))


def assert_same(one: Any, two: Any) -> None:
    """Equality of nested states, bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two)
    elif isinstance(one, dict):
        assert one.keys() == two.keys()
        for key, value in one.items():
            if key != "history":
                assert_same(value, two[key])
        assert [*map(steady, one.get("history", []))] == [*map(steady, two.get("history", []))]
    else:
        assert one == two
