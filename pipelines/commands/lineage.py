"""`pix2pix lineage`: where a model version comes from, and which versions used a data set."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from pipelines.registry.reference import REFERENCE_HELP


def lineage(
    model: Annotated[
        str | None, typer.Argument(help=f"Registered model: {REFERENCE_HELP}.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Hash of a data set, or its beginning: list the versions that used it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show where a registered model comes from.

    It shows commit, data, parameters, environment, seed, hardware, MLflow run, flow run and parent.
    With --data, it lists the versions of all models that were trained on a data set.

    For example: pix2pix lineage models:/pix2pix-facades-drawn@champion
    """
    if (model is None) == (data is None):
        raise typer.BadParameter("name either a model or, with --data, the hash of a data set")
    from pipelines.tracking.connection import connected
    from pipelines.tracking.uri import recorded_uri

    with connected(recorded_uri()) as client:
        if model is not None:
            typer.echo(_of_model(client, model, as_json=as_json))
        if data is not None:
            typer.echo(_of_data(client, data, as_json=as_json))


def _of_model(client: Any, reference: str, *, as_json: bool) -> str:
    from pipelines.registry.provenance import read_provenance
    from pipelines.registry.provenance_text import provenance_text
    from pipelines.repository.presets import DEFAULT, preset_params

    provenance = read_provenance(client, reference)
    if as_json:
        return json.dumps(asdict(provenance), indent=2)
    return provenance_text(provenance, preset_params(DEFAULT))


def _of_data(client: Any, data_hash: str, *, as_json: bool) -> str:
    from pipelines.registry.data_use import versions_of_data

    use = versions_of_data(client, data_hash)
    if as_json:
        return json.dumps(asdict(use), indent=2)
    return "\n".join([f"data {use.data_hash}", *(f"  {version}" for version in use.versions)])
