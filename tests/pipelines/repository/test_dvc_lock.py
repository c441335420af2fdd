"""dvc.lock may describe other files than those that are in the folder."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.repository.dvc_lock import model_lineage

ALL = {
    "data/raw": "r1.dir",
    "reports/source.json": "s1",
    "data/prepared": "p1.dir",
    "reports/checks.json": "c1",
    "data/parent.safetensors": "n1",
    "models": "m1.dir",
    "reports/history.jsonl": "h1",
    "reports/per_image.csv": "i1",
}


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def stage(deps: dict[str, str], outs: dict[str, str]) -> dict[str, Any]:
    return {
        kind: [{"path": path, "hash": "md5", "md5": digest} for path, digest in of.items()]
        for kind, of in (("deps", deps), ("outs", outs))
    }


def write_lock(folder: Path, stages: dict[str, Any]) -> None:
    text = json.dumps({"schema": "2.0", "stages": stages})  # JSON is YAML
    (folder / "dvc.lock").write_text(text)


@pytest.fixture
def stages(tmp_path: Path) -> dict[str, Any]:
    """The stages in the dvc.lock of a project after `dvc repro`."""
    (tmp_path / "reports").mkdir()
    for name in ("train", "metrics"):
        (tmp_path / "reports" / f"{name}.json").write_text(name)
    train = {"reports/train.json": md5(tmp_path / "reports" / "train.json")}
    metrics = {"reports/metrics.json": md5(tmp_path / "reports" / "metrics.json")}

    def of(*names: str) -> dict[str, str]:
        return {name: ALL[name] for name in names}

    stages = {
        "ingest": stage({}, of("data/raw", "reports/source.json")),
        "prepare": stage(of("data/raw"), of("data/prepared", "reports/checks.json")),
        "parent": stage({"pipelines": "x.dir"}, of("data/parent.safetensors")),
        "train": stage(
            of("data/prepared", "data/parent.safetensors"),
            of("models", "reports/history.jsonl") | train,
        ),
        "tune": stage(of("data/prepared"), {"reports/tune": "t1.dir"}),
        "evaluate": stage(of("data/prepared", "models"), of("reports/per_image.csv") | metrics),
        "register": stage(of("models"), {"reports/register.json": "x1"}),
    }
    write_lock(tmp_path, stages)
    return stages


def lineage(folder: Path) -> dict[str, str]:
    """Return the lineage without train.json and metrics.json, whose hashes are real."""
    return {path: digest for path, digest in model_lineage(folder).items() if path in ALL}


def test_the_lineage_has_all_outputs_that_led_to_the_model_and_its_scores(
    stages: dict[str, Any], tmp_path: Path
) -> None:
    hashes = model_lineage(tmp_path)
    assert lineage(tmp_path) == ALL
    assert hashes.keys() == ALL.keys() | {"reports/train.json", "reports/metrics.json"}


def test_stages_run_by_hand_have_no_hashes(tmp_path: Path) -> None:
    assert model_lineage(tmp_path) == {}


def test_a_training_run_by_hand_does_not_get_the_hashes_of_an_earlier_one(
    stages: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "reports" / "train.json").write_text("another training")
    assert model_lineage(tmp_path) == {}
    assert "dvc.lock is of another training than reports/train.json" in caplog.text


def test_data_that_was_prepared_again_is_not_in_the_lineage_of_the_model(
    stages: dict[str, Any], tmp_path: Path
) -> None:
    stages["prepare"] = stage({"data/raw": "r2.dir"}, {"data/prepared": "p2.dir"})
    write_lock(tmp_path, stages)
    expected = dict(ALL)
    for path in ("data/raw", "reports/source.json", "reports/checks.json"):
        del expected[path]
    assert lineage(tmp_path) == expected  # data/prepared as `train` had it


def test_a_parent_that_was_read_again_is_in_the_lineage_as_the_training_had_it(
    stages: dict[str, Any], tmp_path: Path
) -> None:
    stages["parent"] = stage({}, {"data/parent.safetensors": "n2"})
    write_lock(tmp_path, stages)
    assert lineage(tmp_path) == ALL


def test_pairs_that_were_drawn_again_are_not_in_the_lineage(
    stages: dict[str, Any], tmp_path: Path
) -> None:
    stages["ingest"] = stage({}, {"data/raw": "r2.dir", "reports/source.json": "s2"})
    write_lock(tmp_path, stages)
    assert lineage(tmp_path) == {k: v for k, v in ALL.items() if k != "reports/source.json"}


@pytest.mark.parametrize("change", ["another model was scored", "scored again by hand"])
def test_scores_of_another_evaluation_are_left_out(
    change: str, stages: dict[str, Any], tmp_path: Path
) -> None:
    if change == "scored again by hand":
        (tmp_path / "reports" / "metrics.json").write_text("others")
    else:
        stages["evaluate"]["deps"][1]["md5"] = "m0.dir"
        write_lock(tmp_path, stages)
    hashes = model_lineage(tmp_path)
    assert lineage(tmp_path) == {k: v for k, v in ALL.items() if k != "reports/per_image.csv"}
    assert "reports/metrics.json" not in hashes
