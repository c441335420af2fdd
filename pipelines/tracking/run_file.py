"""Read a JSON file among the artifacts of an MLflow run."""

import json
import tempfile
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode


def read_run_json(client: MlflowClient, run_id: str, path: Path) -> Any:
    """The content of the artifact `path`; None if the run or the file does not exist any more."""
    folder = path.parent.as_posix()
    try:
        listed = client.list_artifacts(run_id, "" if folder == "." else folder)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return None
    if path.as_posix() not in {item.path for item in listed}:
        return None
    with tempfile.TemporaryDirectory() as download:
        downloaded = client.download_artifacts(run_id, path.as_posix(), download)
        return json.loads(Path(downloaded).read_text(encoding="utf-8"))
