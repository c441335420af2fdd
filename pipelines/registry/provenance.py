"""Where a model version comes from: its lineage, and what MLflow knows of it besides."""

from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.registry.lineage import Lineage, read_lineage
from pipelines.registry.lookup import aliases_of, find_version
from pipelines.tracking.uri import without_password

REPRODUCED_TAG = "pix2pix.reproduced"  # on versions: date, result and machine, for people

_FLOW_TAGS = ("prefect.flow_run_name", "prefect.flow_run_id")  # set by flows after registration


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """A registered version with its lineage."""

    model: str
    version: str
    aliases: tuple[str, ...]
    tracking_uri: str
    run_id: str
    flow_run: str | None  # name and id; None if no flow has trained it
    reproduced: str | None  # the result of the last `pix2pix reproduce`
    lineage: Lineage


def read_provenance(client: MlflowClient, reference: str) -> Provenance:
    """Return the provenance of the version that `reference` names.

    Raises UserError if there is no such version, or if it has no lineage.
    """
    version = find_version(client, reference)
    lineage = read_lineage(client, version)
    aliases = aliases_of(client, version.name).items()
    return Provenance(
        model=version.name,
        version=str(version.version),
        aliases=tuple(sorted(alias for alias, of in aliases if of == str(version.version))),
        tracking_uri=without_password(client.tracking_uri),
        run_id=str(version.run_id),
        flow_run=_flow_run(version),
        reproduced=version.tags.get(REPRODUCED_TAG),
        lineage=lineage,
    )


def _flow_run(version: ModelVersion) -> str | None:
    found = [version.tags[tag] for tag in _FLOW_TAGS if tag in version.tags]
    return " ".join(found) or None
