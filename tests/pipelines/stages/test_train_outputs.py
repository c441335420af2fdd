"""What the train stage leaves, and that it is on the disk before the run's folder is removed."""

import dataclasses
import json
import math
import os
from pathlib import Path

import pytest

from pipelines.cluster.placement import Placement
from pipelines.runs.folder import Folder
from pipelines.stages import train as stage
from pipelines.training.driver import Trained
from pix2pix.config import Params
from pix2pix.errors import UserError
from pix2pix.models import network_configs
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from pix2pix.training import new_state
from tests.support.small_training import small_training

HISTORY = [
    {"epoch": 0, "step": 0, "time_s": 1.0, "dev/l1": 0.5},
    {"epoch": 1, "step": 4, "time_s": 2.0, "dev/l1": math.nan},
    {"epoch": 2, "step": 8, "time_s": 3.0, "dev/l1": 0.25},
]
Events = list[tuple[str, Path]]


@pytest.fixture
def params(small_params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """In a folder with prepared pairs, where a training needs no worker."""
    monkeypatch.chdir(tmp_path)
    params = small_training(small_params)
    write_synthetic(Path("raw"), params.data.synthetic)
    prepare_pairs(Path("raw"), Path("data/prepared"), params.data, num_workers=1)
    state = new_state(*network_configs(params), config=params.train)
    state.epoch = 2
    state.keep_as_best({"dev/l1": 0.25, "dev/l1_published": 0.25, "dev/l1_deterministic": 0.3})
    assert state.best is not None
    trained = Trained(history=HISTORY, best=state.best, samples={0: b"png", 2: b"png"})
    monkeypatch.setattr(stage, "load_params", lambda: params)
    monkeypatch.setattr(stage, "connect", lambda *_: None)
    monkeypatch.setattr(stage, "find_placement", lambda *_: Placement(1, 1, 1, use_gpu=False))
    monkeypatch.setattr(stage, "train", lambda *_, **_options: trained)
    monkeypatch.setattr(stage, "mark_ended", lambda *_, **_options: None)
    return params


def _watch(monkeypatch: pytest.MonkeyPatch) -> Events:
    """Flushes, renames and the removal of the run's folder, in their order."""
    events: Events = []
    fsync, replace, remove_all = os.fsync, Path.replace, Folder.remove_all

    def logged_fsync(descriptor: int) -> None:
        events.append(("flush", Path(os.path.realpath(f"/proc/self/fd/{descriptor}"))))
        fsync(descriptor)

    def logged_replace(self: Path, target: Path) -> Path:
        events.append(("from", self.resolve()))
        events.append(("to", target.resolve()))
        return replace(self, target)

    def logged_remove(self: Folder) -> None:
        events.append(("remove", Path(self.path)))
        remove_all(self)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(Path, "replace", logged_replace)
    monkeypatch.setattr(Folder, "remove_all", logged_remove)
    return events


def test_models_and_reports_are_on_the_disk_before_the_run_is_forgotten(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = _watch(monkeypatch)
    stage.main()
    (removed,) = [at for at, (what, _) in enumerate(events) if what == "remove"]
    outputs = [
        path.resolve()
        for name in ("models", "reports")
        for path in Path(name).rglob("*")
        if path.is_file()
    ]
    assert len(outputs) == 3 + 2 + 4  # networks and card, samples, reports
    for path in outputs:
        renamed = events.index(("to", path))
        assert events.index(("flush", events[renamed - 1][1])) < renamed
        assert ("flush", path.parent) in events[renamed:removed]
    for folder in {Path("models"), Path("reports"), Path("reports/samples")}:
        assert events.index(("flush", folder.resolve().parent)) < removed
    assert not any(path.name.startswith("epoch") for path in Path(".runs").rglob("*"))


def test_the_history_is_written_with_what_is_no_number(params: Params) -> None:
    stage.main()
    lines = [json.loads(line) for line in Path("reports/history.jsonl").read_text().splitlines()]
    assert [line["dev/l1"] for line in lines] == [0.5, None, 0.25]
    assert json.loads(Path("models/model.json").read_text())["name"] == params.data.name


def test_another_name_of_the_data_is_the_same_training(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is under way goes on under the new name, and the model is called by it."""
    renamed = dataclasses.replace(params, data=dataclasses.replace(params.data, name="renamed"))
    begun: list[str] = []
    trained = stage.train(params)

    def interrupted(*_: object, run: Folder, **_options: object) -> Trained:
        begun.append(run.path)
        if len(begun) == 1:
            raise ValueError("interrupted")
        return trained

    monkeypatch.setattr(stage, "train", interrupted)
    with pytest.raises(ValueError, match="interrupted"):
        stage.main()
    monkeypatch.setattr(stage, "load_params", lambda: renamed)
    stage.main()
    assert begun[0] == begun[1]
    assert json.loads(Path("models/model.json").read_text())["name"] == "renamed"


def test_a_training_whose_parameters_were_edited_meanwhile_fails_and_stays(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC would record the edited values for a training that never saw them."""
    root = Path(stage.__file__).parents[2]
    for name in ("dvc.yaml", "pipelines", "pix2pix"):
        Path(name).symlink_to(root / name)
    trained = stage.train(params)

    def edited_meanwhile(*_: object, **_options: object) -> Trained:
        values = dataclasses.asdict(params)
        values["train"]["learning_rate"] = 0.0005
        values["register"]["experiment"] = "another"  # nothing of the training
        Path("params.yaml").write_text(json.dumps(values))
        return trained

    monkeypatch.setattr(stage, "train", edited_meanwhile)
    monkeypatch.setenv("DVC_STAGE", "train")
    with pytest.raises(UserError, match=r"ran: train\.learning_rate \(0\.0002 -> 0\.0005\)\. Its"):
        stage.main()
    (run_folder,) = Path(".runs").glob("[!.]*")
    assert (run_folder / "run.json").is_file()

    monkeypatch.setattr(stage, "train", lambda *_, **_options: trained)
    Path("params.yaml").write_text(json.dumps(dataclasses.asdict(params)))
    stage.main()
    assert not run_folder.exists()
