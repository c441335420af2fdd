"""DVC stage `register`: complete the run in MLflow, from the files, and register the model.

It runs on every `dvc repro`, because only MLflow knows what it stores. What is already there is not
changed. On a machine whose MLflow is empty, the run is created again with its full history.
"""

import dataclasses
import logging

from pipelines.entrypoint import run, write_json
from pipelines.paths import REGISTRATION_PATH
from pipelines.registry.receipt import registered_sha256, still_complete, write_receipt
from pipelines.tracking.uri import tracking_uri

logger = logging.getLogger(__name__)


def main() -> None:
    """Read the outputs of the other stages, write to MLflow and reports/registration.json."""
    uri = tracking_uri()
    content = registered_sha256(uri)
    registration = still_complete(uri, registered_sha256=content)
    if registration is None:
        # If this registration fails, the file of an earlier model must not remain.
        REGISTRATION_PATH.unlink(missing_ok=True)
        registration = _complete(uri)
        write_receipt(uri, registration, registered_sha256=content)
    write_json(REGISTRATION_PATH, registration)
    logger.info("registered %s version %s", registration["model"], registration["version"])


def _complete(uri: str) -> dict[str, str]:
    # Importing torch and MLflow takes seconds, so it is done only if something may be missing.
    from pipelines.registry.completion import complete_registration

    return dataclasses.asdict(complete_registration(uri))


if __name__ == "__main__":
    run(main)
