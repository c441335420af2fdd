"""Find model versions in MLflow: by a reference that a user gives, by alias, by registration."""

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.entrypoint import read_json
from pipelines.paths import REGISTER_PATH
from pipelines.registry.reference import REFERENCE, REFERENCE_HELP
from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError

CHAMPION = "champion"  # an alias


def find_version(client: MlflowClient, reference: str) -> ModelVersion:
    """The version that `reference` names, in a form of `REFERENCE_HELP`.

    Raises UserError, with the existing models or versions, if there is no such version.
    """
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise UserError(f"{reference!r} names no model; write {REFERENCE_HELP}")
    name, number, alias = match["name"], match["version"], match["alias"]
    versions = _versions(client, name)
    if alias is not None:
        number = aliases_of(client, name).get(alias)
    elif number is None:
        number = max(versions, key=int)
    if number not in versions:
        missing = f"version {number}" if number else f"version with the alias {alias!r}"
        raise UserError(
            f"registered model {name!r} has no {missing}; "
            f"there are the versions {', '.join(sorted(versions, key=int))}"
        )
    return versions[number]


def aliases_of(client: MlflowClient, name: str) -> dict[str, str]:
    """The version number of each alias of a registered model."""
    aliases = client.get_registered_model(name).aliases
    return {alias: str(number) for alias, number in aliases.items()}


def registered_version(client: MlflowClient) -> ModelVersion:
    """The version of reports/register.json, which the stage `register` has written.

    Raises UserError if the file is missing, or MLflow does not have the version.
    """
    registration = read_json(REGISTER_PATH, made_by="register")
    model, number, run_id = (registration[key] for key in ("model", "version", "run_id"))
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        if (version.name, str(version.version)) == (model, number):
            return version
    raise UserError(
        f"{REGISTER_PATH} names {model} version {number} of run {run_id}, which MLflow at "
        f"{without_password(client.tracking_uri)} does not have; run `dvc repro register`"
    )


def label(version: ModelVersion) -> str:
    """The name of a version in messages."""
    return f"{version.name} version {version.version}"


def _versions(client: MlflowClient, name: str) -> dict[str, ModelVersion]:
    """The versions of a model by number. Raises UserError if there are none."""
    versions = client.search_model_versions(f"name = '{name}'")
    if not versions:
        names = ", ".join(sorted(model.name for model in client.search_registered_models()))
        there = f"its models are: {names}" if names else "no model is registered there yet"
        raise UserError(
            f"MLflow at {without_password(client.tracking_uri)} has no version of a registered "
            f"model {name!r}; {there}"
        )
    return {str(version.version): version for version in versions}
