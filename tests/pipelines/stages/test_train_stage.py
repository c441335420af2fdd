"""The parts of the train stage that need no Ray."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from types import ModuleType

import pytest

from pipelines.runs.folder import open_folder
from pipelines.runs.history import curves_csv
from pipelines.runs.state import open_state, training_folder
from pipelines.stages import train, tune
from pipelines.training import inputs
from pix2pix.config import Params
from pix2pix.data.manifest import SplitRecord
from pix2pix.errors import UserError
from tests.support.model_folders import MANIFEST


@pytest.mark.parametrize("stage", [train, tune])
def test_a_batch_of_more_pairs_than_there_are_is_refused_before_ray_starts(
    small_params: Params, stage: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = SplitRecord(36, ("a", "b", "c"), ("", "", ""), "")
    manifest = dataclasses.replace(MANIFEST, splits={"train": pairs})
    data = dataclasses.replace(small_params.data, crops_per_pair=2)
    config = dataclasses.replace(small_params.train, batch_size=7)
    params = dataclasses.replace(small_params, data=data, train=config)
    monkeypatch.setattr(stage, "load_params", lambda: params)
    monkeypatch.setattr(inputs, "load_manifest", lambda _: manifest)
    with pytest.raises(
        UserError,
        match=r"batch_size \(7\) exceeds the 3 training pairs with 2 crops each.*to 6 or less",
    ):
        stage.main()


def test_curves_have_a_row_per_epoch_and_leave_empty_what_it_lacks() -> None:
    history = [
        {"epoch": 0, "step": 0, "time_s": 1.0, "dev/l1": 0.5},
        {"epoch": 1, "step": 4, "time_s": 2.0, "dev/l1": 0.25, "train/loss_d": 0.7},
    ]
    rows = list(csv.DictReader(io.StringIO(curves_csv(history))))
    assert rows == [
        {"epoch": "0", "dev/l1": "0.5", "train/loss_d": ""},
        {"epoch": "1", "dev/l1": "0.25", "train/loss_d": "0.7"},
    ]


def test_the_same_training_is_found_again_and_another_is_not(
    small_params: Params, default_params: Params, tmp_path: Path
) -> None:
    storage = open_folder(str(tmp_path))
    first = open_state(training_folder(storage, small_params, "data"))
    again = open_state(training_folder(storage, small_params, "data"))
    assert first.is_new
    assert not again.is_new
    assert (again.folder, again.run_key, again.started_s) == (
        first.folder,
        first.run_key,
        first.started_s,
    )
    others = [
        open_state(training_folder(storage, small_params, "other data")),
        open_state(training_folder(storage, default_params, "data")),
    ]
    assert all(other.is_new for other in others)
    assert len({state.folder.path for state in (first, *others)}) == 3


def test_a_training_may_go_on_elsewhere(small_params: Params, tmp_path: Path) -> None:
    """Where it runs is not part of what it is."""
    storage = open_folder(str(tmp_path))
    first = open_state(training_folder(storage, small_params, "data"))
    moved = dataclasses.replace(
        small_params.train, num_workers=(1, 2), ray_address="auto", checkpoint_every_steps=3
    )
    elsewhere = dataclasses.replace(small_params, train=moved)
    assert open_state(training_folder(storage, elsewhere, "data")).run_key == first.run_key


def test_a_finished_training_is_forgotten(small_params: Params, tmp_path: Path) -> None:
    storage = open_folder(str(tmp_path))
    state = open_state(training_folder(storage, small_params, "data"))
    assert json.loads(state.folder.read("run.json"))["run_key"] == state.run_key
    state.folder.remove_all()
    assert list(tmp_path.iterdir()) == []
    assert open_state(training_folder(storage, small_params, "data")).run_key != state.run_key
