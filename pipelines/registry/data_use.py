"""Which registered versions were trained on a data set."""

import re
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.tracking.described_run import DATA_HASH_TAG
from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError

_HASH = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataUse:
    """A data set, and the versions that were trained on it, `NAME/VERSION` by name and number."""

    data_hash: str
    versions: tuple[str, ...]


def versions_of_data(client: MlflowClient, data_hash: str) -> DataUse:
    """Return the versions of all models that were trained on the data with this hash.

    The beginning of the hash is enough if it belongs to one data set. Raises UserError if it
    belongs to none or to several.
    """
    if not _HASH.fullmatch(data_hash):
        raise UserError(
            f"--data {data_hash!r} is no hash of data: give at least 4 of its 64 hexadecimal digits"
        )
    versions = versions_on(client, data_hash)
    hashes = sorted({version.tags[DATA_HASH_TAG] for version in versions})
    if not hashes:
        raise UserError(
            f"no registered version at {without_password(client.tracking_uri)} was trained on data "
            f"with the hash {data_hash}; `pix2pix lineage NAME` shows the hash of a version's data"
        )
    if len(hashes) > 1:
        raise UserError(f"--data {data_hash} is ambiguous: {', '.join(hashes)}")
    ordered = sorted(versions, key=lambda version: (version.name, int(version.version)))
    return DataUse(
        data_hash=hashes[0],
        versions=tuple(f"{version.name}/{version.version}" for version in ordered),
    )


def versions_on(client: MlflowClient, data_hash: str) -> list[ModelVersion]:
    """Return the versions of all models whose data's hash begins with `data_hash`."""
    where = f"tags.`{DATA_HASH_TAG}` LIKE '{data_hash}%'"
    found: list[ModelVersion] = []
    page = client.search_model_versions(where)
    found += page
    while page.token:
        page = client.search_model_versions(where, page_token=page.token)
        found += page
    return found
