"""reports/train.json: what a training that has ended says of itself.

It is the lineage of the model beside it. The working copy may have moved on since: other
parameters, other data, other code. Who registers the model records what is written here.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pipelines.entrypoint import read_json, write_json
from pipelines.repository.origin import Origin
from pipelines.tracking.description import DataRecord
from pix2pix.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainRecord:
    """All of train.json."""

    __pydantic_config__ = ConfigDict(strict=True)

    run_key: str
    started_s: float
    elapsed_s: float  # of the process that ended it
    num_workers: int
    epochs: int
    best_epoch: int
    origin: Origin
    params: Mapping[str, Any]  # all of params.yaml as it was, sections as nested mappings
    data: DataRecord
    model_sha256: str  # of models/, see pipelines/evaluation/model_content.py
    precision: Mapping[str, str] | None = None  # what it computed in, and why


_RECORD = TypeAdapter(TrainRecord)


def write_train_record(path: Path, record: TrainRecord) -> None:
    """Write train.json, whole or not at all."""
    write_json(path, dataclasses.asdict(record))


def read_train_record(path: Path) -> TrainRecord:
    """Read train.json. Raises UserError naming the file, what it lacks and the remedy."""
    found = read_json(path, made_by="train")
    try:
        return _RECORD.validate_json(json.dumps(found))  # strict, yet maps become dataclasses
    except ValidationError as error:  # written before these were recorded, or by hand
        lacks = ", ".join(
            sorted({str(part) for found in error.errors() for part in found["loc"][:1]})
        )
        raise UserError(
            f"{path} does not say what the training ran with ({lacks}); run `dvc repro -f train`"
        ) from None
