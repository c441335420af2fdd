"""DVC stage `register`: complete the run in MLflow, from the files, and register the model.

It runs on every `dvc repro`, because only MLflow knows what MLflow holds: what is already there is
left as it is, and on a machine whose MLflow is empty the run is made again with its full history.
"""

import dataclasses
import logging

from pipelines.entrypoint import run, write_json
from pipelines.paths import REGISTRATION_PATH
from pipelines.registry.receipt import registered_sha256, still_complete, write_receipt
from pipelines.tracking.uri import tracking_uri

logger = logging.getLogger(__name__)


def main() -> None:
    """Read all that the other stages wrote, write reports/registration.json."""
    uri = tracking_uri()
    content = registered_sha256(uri)
    registration = still_complete(uri, registered_sha256=content)
    if registration is None:
        REGISTRATION_PATH.unlink(missing_ok=True)  # of another model, if this one fails
        registration = _complete(uri)
        write_receipt(uri, registration, registered_sha256=content)
    write_json(REGISTRATION_PATH, registration)
    logger.info("registered %s version %s", registration["model"], registration["version"])


def _complete(uri: str) -> dict[str, str]:
    # Torch and MLflow: imported only where something may be missing, for that takes seconds.
    from pipelines.registry.completion import complete_registration

    return dataclasses.asdict(complete_registration(uri))


if __name__ == "__main__":
    run(main)
