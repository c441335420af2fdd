"""reports/train.json: what a finished training was made of, and where and how it ran.

The working copy may have other parameters, data and code by the time the model is registered. So
the stage `register` logs what is written here.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, ConfigDict, Field, TypeAdapter

from pipelines.json_files import read_json, write_json
from pipelines.runs.machines import Machine
from pipelines.tracking.description import Beginning
from pix2pix.config.validation_text import checked_json
from pix2pix.parent_record import ParentRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainRecord(Beginning):
    """All of train.json."""

    __pydantic_config__ = ConfigDict(strict=True)

    elapsed_s: float  # of the process that finished it
    num_workers: int
    epochs: int
    best_epoch: int
    model_sha256: str  # of models/, see pipelines/evaluation/model_content.py
    # Precision, memory layout, CUDA graph, and why. Records of earlier versions have it as
    # `precision`, without layout and graph.
    computing: Annotated[
        Mapping[str, str | bool] | None,
        Field(validation_alias=AliasChoices("computing", "precision")),
    ] = None
    parent: ParentRecord | None = None  # the trained model that it started from
    machines: tuple[Machine, ...] = ()  # of its workers, in the order of their use


_RECORD = TypeAdapter(TrainRecord)


def write_train_record(path: Path, record: TrainRecord) -> None:
    """Write train.json, whole or not at all."""
    write_json(path, dataclasses.asdict(record))


def read_train_record(path: Path) -> TrainRecord:
    """Read train.json. Raises UserError naming the file, what it lacks and the remedy."""
    return checked_json(
        _RECORD,
        json.dumps(read_json(path, made_by="train")),  # strict, yet maps become dataclasses
        # It was written before these were recorded, or by hand.
        refusal=f"{path} does not say what the training ran with",
        remedy="run `dvc repro -f -s train`",
    )
