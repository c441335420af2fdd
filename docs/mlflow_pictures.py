"""Make the pictures of docs/mlflow.md: `python docs/mlflow_pictures.py URI MODEL FOLDER`.

It shows the experiment `pix2pix` of the MLflow server at URI in the Chromium of the system: all of
its runs, the champion of MODEL and the run of its version 1. Pages look different in other versions
of MLflow, and then the pictures have to be taken again.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

from mlflow import MlflowClient
from playwright.sync_api import Locator, Page, sync_playwright

from pipelines.tracking.samples import SAMPLES_KEY
from pipelines.tracking.saved_view import VIEW

EXPERIMENT = "pix2pix"
_SIZE = {"width": 1360, "height": 800}
_TIMEOUT_MS = 120_000
_MOVING_MS = 500  # the slider takes one step at a time
_DRAWING_MS = 8_000  # charts have no end of drawing that could be waited for
# What MLflow remembers in the browser: pages of trainings, not those of language models; and no
# assistant, which opens by itself at the first visit.
_REMEMBERED = """
localStorage.setItem('mlflow.workflowType_v1', '"machine_learning"');
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');
"""
_NO_ASSISTANT_BUTTON = "[data-assistant-ui] { visibility: hidden }"


def main(uri: str, model: str, folder: str) -> None:
    """Write the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        context = browser.new_context(viewport=_SIZE)
        context.add_init_script(_REMEMBERED)
        page = context.new_page()
        page.set_default_timeout(_TIMEOUT_MS)
        for name, (address, prepare) in pages(MlflowClient(uri), model).items():
            page.goto("about:blank")  # else a change behind # would keep the page as it is
            page.goto(f"{uri}/{address}")
            page.add_style_tag(content=_NO_ASSISTANT_BUTTON)
            page.wait_for_timeout(_DRAWING_MS)
            prepare(page)
            page.wait_for_timeout(_DRAWING_MS)
            page.screenshot(path=Path(folder) / f"mlflow-{name}.png")
        browser.close()


def pages(client: MlflowClient, model: str) -> dict[str, tuple[str, Callable[[Page], object]]]:
    """By the name of the picture: the address of the page, and what to do there."""
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    runs = [run.info.run_id for run in client.search_runs([experiment])]
    run = client.get_model_version(model, "1").run_id
    champion = client.get_model_version_by_alias(model, "champion").version
    compared = urlencode({"runs": runs, "experiments": [experiment]}, quote_via=quote)
    of_experiment = f"#/experiments/{experiment}/runs"
    return {
        "list": (f"{of_experiment}?viewStateShareKey={VIEW}", close_remark),
        "charts": (
            f"{of_experiment}?viewStateShareKey={VIEW}&compareRunsMode=CHART",
            show_last_grids,
        ),
        "images": (
            f"{of_experiment}?viewStateShareKey={VIEW}&compareRunsMode=CHART",
            enlarge_grids,
        ),
        "run": (f"{of_experiment}/{run}", unfold_description),
        "system": (f"{of_experiment}/{run}/system-metrics", leave_it),
        "compare": (f"#/compare-runs?{compared}".replace("%27", "%22"), leave_it),
        "version": (f"#/models/{model}/versions/{champion}", leave_it),
    }


def leave_it(_page: Page) -> None:
    """Do nothing."""


def close_remark(page: Page) -> None:
    """Close what MLflow says about saved views."""
    page.get_by_role("button", name="Hide banner").click()


def show_last_grids(page: Page) -> Locator:
    """Show the sample grids of the last epoch in their chart, which is returned."""
    close_remark(page)
    card = page.get_by_test_id("experiment-view-compare-runs-card").filter(has_text=SAMPLES_KEY)
    slider = card.get_by_role("slider")
    for _ in range(int(slider.get_attribute("aria-valuemax") or 0)):
        slider.press("ArrowRight")
        page.wait_for_timeout(_MOVING_MS)
    return card


def enlarge_grids(page: Page) -> None:
    """Show the sample grids of the last epoch on the whole page."""
    show_last_grids(page).get_by_role("button").first.click()


def unfold_description(page: Page) -> None:
    """Show all of the description."""
    page.get_by_text("Show more", exact=True).click()


if __name__ == "__main__":
    main(*sys.argv[1:])
