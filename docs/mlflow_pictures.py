"""Make the pictures of docs/mlflow.md: `python docs/mlflow_pictures.py URI MODEL FOLDER`.

It shows the experiment `pix2pix` of the MLflow server at URI in the Chromium of the system. Pages
look different in other versions of MLflow, and then the pictures have to be taken again.
"""

import sys
from pathlib import Path
from urllib.parse import quote, urlencode

from mlflow import MlflowClient
from playwright.sync_api import Page, sync_playwright

EXPERIMENT = "pix2pix"
COLUMNS = ("dev/l1", "test/l1", "train.lambda_l1", "train.learning_rate", "train.seed")
_SIZE = {"width": 1720, "height": 800}
_SHOWN = {"x": 0, "y": 0, "width": 1355, "height": 800}  # without MLflow's assistant at the right
_TIMEOUT_MS = 120_000
_DRAWING_MS = 10_000  # charts have no end of drawing that could be waited for


def open_as_for_models(page: Page, uri: str) -> None:
    """Open MLflow with the pages of trainings and models, not those of language models."""
    page.goto(uri)
    page.get_by_text("Model training", exact=True).first.click()


def choose_columns(page: Page) -> None:
    """Let the list of runs show `COLUMNS`."""
    page.get_by_role("button", name="Columns").click()
    for column in COLUMNS:
        page.get_by_placeholder("Search columns").fill(column)
        page.get_by_text(column, exact=True).last.click()
    page.keyboard.press("Escape")


def addresses(client: MlflowClient, model: str) -> dict[str, str]:
    """The pages by the name of their picture; the run is that of the model's first version."""
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    runs = [run.info.run_id for run in client.search_runs([experiment])]
    run = client.get_model_version(model, "1").run_id
    compared = urlencode({"runs": runs, "experiments": [experiment]}, quote_via=quote)
    return {
        "list": f"#/experiments/{experiment}/runs?compareRunsMode=TABLE",
        "charts": f"#/experiments/{experiment}/runs?compareRunsMode=CHART",
        "run": f"#/experiments/{experiment}/runs/{run}",
        "system": f"#/experiments/{experiment}/runs/{run}/system-metrics",
        "compare": f"#/compare-runs?{compared}".replace("%27", "%22"),
        "models": f"#/experiments/{experiment}/models",
        "version": f"#/models/{model}/versions/1",
    }


def main(uri: str, model: str, folder: str) -> None:
    """Write the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=_SIZE)
        page.set_default_timeout(_TIMEOUT_MS)
        open_as_for_models(page, uri)
        for name, address in addresses(MlflowClient(uri), model).items():
            page.goto("about:blank")
            page.goto(f"{uri}/{address}")
            page.wait_for_timeout(_DRAWING_MS)
            if name == "list":
                choose_columns(page)
                page.wait_for_timeout(_DRAWING_MS)
            page.screenshot(path=Path(folder) / f"mlflow-{name}.png", clip=_SHOWN)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
