import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.repository.dotted_keys import flatten
from pipelines.tracking.description import DataRecord, data_record
from pipelines.tracking.train_record import TrainRecord, read_train_record, write_train_record
from pix2pix.config import Params
from pix2pix.errors import UserError
from tests.support.tracked_project import small_manifest, train_record


@pytest.fixture
def record(default_params: Params) -> TrainRecord:
    return train_record(default_params)


def test_what_is_written_is_read(record: TrainRecord, tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    write_train_record(path, record)
    found = read_train_record(path)
    assert dataclasses.replace(found, params={}) == dataclasses.replace(record, params={})
    assert flatten(found.params) == flatten(record.params)  # JSON has lists for tuples


def test_the_data_are_named_counted_and_hashed_by_split(default_params: Params) -> None:
    assert data_record(small_manifest(default_params), name=default_params.data.name) == DataRecord(
        name="facades-drawn",
        source="data/prepared",
        data_hash="d" * 64,
        num_pairs={"train": 5, "dev": 2, "test": 4},
        split_hashes={"train": "h", "dev": "h", "test": "h"},
    )


@pytest.mark.parametrize("change", [{"params": None}, {"data": {"name": "x"}}, {"origin": "x"}])
def test_what_it_does_not_say_is_named_with_the_remedy(
    change: dict[str, Any], record: TrainRecord, tmp_path: Path
) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps(dataclasses.asdict(record) | change))
    (key,) = change
    with pytest.raises(UserError, match=rf"train\.json .*: {key}\b.*; run `dvc repro -f -s train`"):
        read_train_record(path)


@pytest.mark.parametrize("content", ["[]", "{}", "null", "7"])
def test_something_else_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"train\.json does not say"):
        read_train_record(path)


@pytest.mark.parametrize("key", ["computing", "precision"])
def test_how_it_computed_is_read_also_of_records_that_call_it_precision(
    record: TrainRecord, tmp_path: Path, key: str
) -> None:
    path = tmp_path / "train.json"
    computing = {"precision": "float32", "channels_last": False, "reason": "its hardware"}
    write_train_record(path, record)
    mapping = json.loads(path.read_text())
    del mapping["computing"]
    path.write_text(json.dumps(mapping | {key: computing}))
    assert read_train_record(path).computing == computing
