"""A prepared data set as MLflow shows it."""

import json
from urllib.parse import urlsplit

from mlflow.entities import Dataset

from pipelines.tracking.description import DataRecord

_DIGEST_CHARACTERS = 16  # MLflow stores at most 36; the tag of the run has all


def dataset_of(data: DataRecord) -> Dataset:
    """The data set with its source: the DVC remote that has it, or the folder of this machine."""
    sizes = {f"num_{name}": number for name, number in data.num_pairs.items()}
    source_type, field = _source_type(data.source)
    return Dataset(
        name=data.name,
        digest=data.data_hash[:_DIGEST_CHARACTERS],
        source_type=source_type,
        source=json.dumps({field: data.source}),
        profile=json.dumps(sizes),
    )


def _source_type(source: str) -> tuple[str, str]:
    """MLflow's word for the kind of a source, and the name that it gives to its address."""
    scheme = urlsplit(source).scheme
    if scheme in ("http", "https"):
        return "http", "url"
    return scheme or "local", "uri"
