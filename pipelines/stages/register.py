"""DVC stage `register`: complete the run in MLflow, from the files, and register the model.

It runs on every `dvc repro`, because only MLflow knows what MLflow holds: what is already there is
left as it is, and on a machine whose MLflow is empty the run is made again with its full history.
"""

import dataclasses
import logging
from pathlib import Path

from pipelines.entrypoint import run, write_json
from pipelines.paths import MODEL_DIR, PREPARED_DIR, REGISTRATION_PATH
from pipelines.registry import register_model
from pipelines.tracking import complete_run
from pipelines.tracking_uri import tracking_uri
from pix2pix.config import load_params
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split

logger = logging.getLogger(__name__)


def main() -> None:
    """Read all that the other stages wrote, write reports/registration.json."""
    params = load_params()
    uri = tracking_uri()
    manifest = load_manifest(PREPARED_DIR)
    tracked = complete_run(uri, Path(), params=params, manifest=manifest)
    registration = register_model(
        tracked,
        MODEL_DIR,
        uri=uri,
        name=params.registered_name,
        example=open_split(PREPARED_DIR, "dev").source[0],
    )
    write_json(REGISTRATION_PATH, dataclasses.asdict(registration))
    logger.info("registered %s version %s", registration.model, registration.version)


if __name__ == "__main__":
    run(main)
