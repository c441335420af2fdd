"""MLflow's own pages and searches over runs of ours, as docs/mlflow.md tells people to use them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient
from playwright.sync_api import expect

from pipelines.tracking.completion import complete_run
from pipelines.tracking.saved_view import VIEW
from tests.support.browser import chromium
from tests.support.mlflow_process import serving
from tests.support.tracked_project import ORIGIN, USER, new_database, write_project

ROOT = Path(__file__).parents[3]
_DRAWING_MS = 30_000
_MATCHES = {  # what is searched for in the document, and in place of it what the run has
    "0.0005": "0.0002",
    "'2'": "'0'",
    "!= 'synthetic'": "= 'synthetic'",
    "3f2a": ORIGIN.commit[:4],
    "…": "d" * 64,
    "'ann'": f"'{USER}'",
}


@dataclass(frozen=True)
class Tracked:
    """A server that has one run."""

    uri: str
    experiment_id: str
    run_id: str
    name: str


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    folder = tmp_path_factory.mktemp("server")
    database = new_database(folder)
    arguments = ["server", "--backend-store-uri", database, "--artifacts-destination", "artifacts"]
    with serving(arguments, cwd=folder, health="/health", uri=database) as uri:
        client = MlflowClient(uri)
        run = complete_run(client, write_project(folder / "project"), experiment="pix2pix")
        name = client.get_run(run.run_id).info.run_name
        yield Tracked(uri, run.experiment_id, run.run_id, name)


def documented_searches() -> list[str]:
    text = (ROOT / "docs" / "mlflow.md").read_text(encoding="utf-8")
    table = text.partition("| to find | search |")[2].partition("\n\n")[0]
    return re.findall(r"\| `(.+)` \|$", table, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("search", documented_searches())
def test_a_documented_search_finds_what_it_is_for_and_nothing_else(
    tracked: Tracked, search: str
) -> None:
    """As it stands, or with the values of the one run that there is."""
    fitting = search
    for sought, held in _MATCHES.items():
        fitting = fitting.replace(sought, held)
    # The dev L1 of the last epoch, 0.1, is not below 0.1.
    fitting = fitting.replace("< 0.1 ", "< 0.11 ")
    client = MlflowClient(tracked.uri)
    found = client.search_runs([tracked.experiment_id], fitting)
    assert [run.info.run_id for run in found] == [tracked.run_id]
    if fitting != search:
        assert client.search_runs([tracked.experiment_id], search) == []


@pytest.mark.slow
def test_the_view_shows_scores_and_parameters_in_the_list_and_the_sample_grids(
    tracked: Tracked,
) -> None:
    """In MLflow's own interface: it reads what this project writes without a function of MLflow."""
    runs = f"{tracked.uri}/#/experiments/{tracked.experiment_id}/runs"
    with chromium() as browser:  # scripts of MLflow's pages fail now and then
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.add_init_script(
            "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');"
        )
        page.set_default_timeout(_DRAWING_MS)
        expect.set_options(timeout=_DRAWING_MS)
        page.goto(runs)
        page.get_by_role("button", name="Views").click()
        page.get_by_role("menu").get_by_text(VIEW, exact=True).click()
        for column in ("dev/l1", "test/l1", "train.learning_rate", "train.lambda_l1", "train.seed"):
            header = page.locator("[role=columnheader]").filter(has_text=column)
            expect(header.last).to_be_visible()
        expect(page.get_by_role("link", name=tracked.name)).to_be_visible()
        page.goto("about:blank")
        page.goto(f"{runs}?viewStateShareKey={VIEW}&compareRunsMode=CHART")
        cards = page.get_by_test_id("experiment-view-compare-runs-card")
        grid = cards.filter(has_text="samples")
        expect(grid.get_by_role("img").last).to_be_visible()
        expect(grid.get_by_role("slider")).to_have_attribute("aria-valuemax", "3")
        expect(grid).not_to_contain_text("train.seed")  # parameters would leave it no room
