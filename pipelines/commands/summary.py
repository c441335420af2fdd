"""`pix2pix summary`: what the last pipeline run has made."""

import typer

from pipelines.json_files import read_json
from pipelines.paths import (
    METRICS_PATH,
    METRICS_TABLE_PATH,
    PANELS_DIR,
    REGISTER_PATH,
    SAMPLES_DIR,
)
from pipelines.registry.decision_report import warning_of
from pix2pix.errors import UserError


def summary() -> None:
    """Print scores, model and pictures of the last pipeline run.

    For example: pix2pix summary
    """
    typer.echo(f"\n{summary_text()}")


def summary_text() -> str:
    """The text. Raises UserError naming the file and the stage if one has not run."""
    registration = read_json(REGISTER_PATH, made_by="register")
    decision = registration["decision"]
    warning = warning_of(read_json(METRICS_PATH, made_by="evaluate"))
    samples = sorted(SAMPLES_DIR.glob("*.png"))
    if not METRICS_TABLE_PATH.is_file() or not samples:
        raise UserError("reports/ is not complete; run `dvc repro` or `dvc pull`")
    return "\n".join(
        [
            METRICS_TABLE_PATH.read_text(encoding="utf-8"),
            f"registered model   {registration['model']} version {registration['version']}  "
            f"({registration['model_uri']})",
            f"champion           {decision['outcome']}: {decision['reason']}",
            *([] if warning is None else [f"warning            {warning}"]),
            f"sample pictures    {samples[-1]}, {PANELS_DIR}/best.png, {PANELS_DIR}/worst.png",
            "MLflow UI          make ui",
        ]
    )
