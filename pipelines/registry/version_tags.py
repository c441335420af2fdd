"""Write tags of model versions; needs no model, so that it imports no torch."""

from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion


def set_version_tags(client: MlflowClient, version: ModelVersion, tags: Mapping[str, str]) -> None:
    """Set the tags that are missing or different."""
    for key, value in tags.items():
        if version.tags.get(key) != value:
            client.set_model_version_tag(version.name, version.version, key, value)
