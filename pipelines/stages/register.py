"""DVC stage `register`: complete the run in MLflow, register the model, and find the champion.

It runs on every `dvc repro`, because only MLflow knows what it stores. What is already there is not
changed. On a machine whose MLflow is empty, the run is created again with its full history.
"""

import logging

from pipelines.entrypoint import run
from pipelines.json_files import read_json, write_json
from pipelines.paths import METRICS_PATH, REGISTER_PATH, REGISTER_REPORT_PATH
from pipelines.registry.decision_report import decision_report, warning_of
from pipelines.registry.receipt import registered_sha256, still_complete, write_receipt
from pipelines.tracking.uri import tracking_uri
from pix2pix.files import write_text

logger = logging.getLogger(__name__)


def main() -> None:
    """Read the outputs of the other stages, write to MLflow and reports/register.json and .md."""
    uri = tracking_uri()
    content = registered_sha256(uri)
    registration = still_complete(uri, registered_sha256=content)
    if registration is None:
        # If this registration fails, the files of an earlier model must not remain.
        for path in (REGISTER_PATH, REGISTER_REPORT_PATH):
            path.unlink(missing_ok=True)
        # Importing torch and MLflow takes seconds.
        from pipelines.registry.completion import complete_registration

        registration = complete_registration(uri)
        write_receipt(uri, registration, registered_sha256=content)
    model, version = registration["model"], registration["version"]
    decision = registration["decision"]
    write_json(REGISTER_PATH, registration)
    warning = warning_of(read_json(METRICS_PATH, made_by="evaluate"))
    report = decision_report(model, version, decision, warning=warning)
    write_text(REGISTER_REPORT_PATH, report)
    logger.info("registered %s version %s", model, version)
    logger.info("champion: %s, %s", decision["outcome"], decision["reason"])
    if warning is not None:
        logger.warning("the model is %s", warning)


if __name__ == "__main__":
    run(main)
