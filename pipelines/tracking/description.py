"""What is known of a run when its training starts. Does not need MLflow: it is sent to workers.

All of it is plain values. So it can be stored with the result and logged years later, when
`params.yaml` and the working copy have changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pipelines.paths import PREPARED_DIR
from pipelines.repository.origin import Origin
from pipelines.tracking.uri import without_password
from pix2pix.data.manifest import Manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class DataRecord:
    """Which prepared pairs a run uses."""

    name: str
    source: str  # URL or folder: the default DVC remote, or else where the pairs were prepared
    data_hash: str
    num_pairs: dict[str, int]  # by split
    split_hashes: dict[str, str]  # by split, over ids and contents of its pairs


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """What is known of a run when its training starts, and is kept with the result."""

    run_key: str
    name: str  # of the run in MLflow, see pipelines/tracking/run_name.py
    started_s: float
    params: Mapping[str, Any]  # all of params.yaml as it was, sections as nested mappings
    data: DataRecord
    origin: Origin
    user: str | None = None  # who started it; None if unknown, as in records of earlier versions

    def beginning(self) -> dict[str, Any]:
        """The values of these fields by name, for another record of the same run."""
        return {field.name: getattr(self, field.name) for field in fields(Beginning)}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDescription(Beginning):
    """What MLflow is told of a run when its training starts."""

    experiment: str  # of MLflow, where the run is recorded
    parent: str | None = None  # the trained model that it starts from, such as models:/NAME/3


def data_record(manifest: Manifest, *, name: str, remote: str | None = None) -> DataRecord:
    """What a run records of the pairs that `manifest` lists, `name` being `data.name`.

    `remote` is the address of the default DVC remote. Its password is not recorded.
    """
    splits = manifest.splits
    return DataRecord(
        name=name,
        source=PREPARED_DIR.as_posix() if remote is None else without_password(remote),
        data_hash=manifest.data_hash,
        num_pairs={name: len(split.pair_ids) for name, split in splits.items()},
        split_hashes={name: split.hash for name, split in splits.items()},
    )
