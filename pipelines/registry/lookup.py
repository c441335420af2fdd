"""Find model versions in MLflow: by a reference that a user gives, by alias, by registration."""

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipelines.json_files import read_json
from pipelines.paths import REGISTER_PATH
from pipelines.registry.reference import REFERENCE, REFERENCE_HELP
from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError

CHAMPION = "champion"  # an alias

# What MLflow says of a version that does not exist; the latter of an alias.
_MISSING = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


def find_version(client: MlflowClient, reference: str) -> ModelVersion:
    """The version that `reference` names, in a form of `REFERENCE_HELP`.

    Raises UserError, with the existing models or versions, if there is no such version.
    """
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise UserError(f"{reference!r} names no model; write {REFERENCE_HELP}")
    name, number, alias = match["name"], match["version"], match["alias"]
    found = _find(client, name, number=number, alias=alias)
    if found is None:
        raise _missing(client, name, number=number, alias=alias)
    return found


def _find(
    client: MlflowClient, name: str, *, number: str | None, alias: str | None
) -> ModelVersion | None:
    """The version, asked for alone: a model may have many, each with many tags."""
    try:
        if alias is not None:
            return client.get_model_version_by_alias(name, alias)
        if number is not None:
            return client.get_model_version(name, number)
    except MlflowException as error:
        if error.error_code not in _MISSING:
            raise
        return None
    latest = client.search_model_versions(
        f"name = '{name}'", max_results=1, order_by=["version_number DESC"]
    )
    return next(iter(latest), None)


def _missing(
    client: MlflowClient, name: str, *, number: str | None, alias: str | None
) -> UserError:
    """The error that says what there is in place of the version."""
    versions = client.search_model_versions(f"name = '{name}'")
    if versions:
        wanted = f"version {number}" if number else f"version with the alias {alias!r}"
        numbers = sorted(int(version.version) for version in versions)
        return UserError(
            f"registered model {name!r} has no {wanted}; "
            f"there are the versions {', '.join(map(str, numbers))}"
        )
    names = ", ".join(sorted(model.name for model in client.search_registered_models()))
    there = f"its models are: {names}" if names else "no model is registered there yet"
    return UserError(
        f"MLflow at {without_password(client.tracking_uri)} has no version of a registered "
        f"model {name!r}; {there}"
    )


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
