"""The model of a project of files, registered."""

from pathlib import Path

from mlflow import MlflowClient

from pipelines.registry.mlflow_state import LOGGED_TAG
from pipelines.registry.register import Registration, register_model
from pipelines.tracking.connection import connected
from pipelines.tracking.run import MlflowRun
from tests.support.model_folders import source_image

NAME = "pix2pix-facades-drawn"


def register(uri: str, project: Path, run: MlflowRun, *, name: str = NAME) -> Registration:
    with connected(uri) as client:
        return register_model(client, run, project / "models", name=name, example=source_image())


def package_dir(uri: str, registration: Registration) -> Path:
    version = MlflowClient(uri).get_model_version(NAME, registration.version)
    return Path(MlflowClient(uri).get_logged_model(version.tags[LOGGED_TAG]).artifact_location[7:])
