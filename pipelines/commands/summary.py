"""What a finished pipeline run says at its end: scores, model, pictures, and how to look on."""

import sys

from pipelines.entrypoint import read_json, run
from pipelines.paths import METRICS_TABLE_PATH, PANELS_DIR, REGISTRATION_PATH, SAMPLES_DIR
from pix2pix.errors import UserError


def summary() -> str:
    """The text; raises ValueError naming the file and the stage if one has not run."""
    registration = read_json(REGISTRATION_PATH, made_by="register")
    samples = sorted(SAMPLES_DIR.glob("*.png"))
    if not METRICS_TABLE_PATH.is_file() or not samples:
        raise UserError("reports/ is not complete; run `dvc repro` or `dvc pull`")
    return "\n".join(
        [
            METRICS_TABLE_PATH.read_text(encoding="utf-8"),
            f"registered model   {registration['model']} version {registration['version']}  "
            f"({registration['model_uri']})",
            f"sample pictures    {samples[-1]}, {PANELS_DIR}/best.png, {PANELS_DIR}/worst.png",
            "MLflow UI          make ui",
        ]
    )


def main() -> None:
    """Print the summary."""
    sys.stdout.write(f"\n{summary()}\n")


if __name__ == "__main__":
    run(main)
