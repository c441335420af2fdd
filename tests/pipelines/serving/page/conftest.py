"""A Chromium, and a server of two models whose page it shows."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from pix2pix.data.manifest import SideRecord
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.browser import chromium, problems_of
from tests.support.served_models import NAME, LocalModel, write_labels_model
from tests.support.served_page import started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def translators(tmp_path_factory: pytest.TempPathFactory) -> list[Translator]:
    """Of label colours, and of class ids."""
    ids = SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=4, void_label=255)
    return [
        write_labels_model(tmp_path_factory.mktemp("colours")),
        write_labels_model(
            tmp_path_factory.mktemp("ids"),
            source=ids,
            source_statistics=None,
            image_size=(32, 64),
            generator=GeneratorConfig(source_channels=1, base_channels=4, depth=5),
            discriminator=DiscriminatorConfig(in_channels=4, base_channels=4, num_layers=2),
        ),
    ]


@pytest.fixture(scope="module")
def url(translators: list[Translator]) -> Iterator[str]:
    colours, ids = (LocalModel(each, max_pixels=10**6) for each in translators)
    ids.version = type(ids.version)(NAME, "2", translators[1], {}, ())
    with started(colours, ids) as url:
        yield url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)
    problems = problems_of(page)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(url)
    page.locator("drawing-board canvas").wait_for()
    page.locator("#status", has_text="The source is example 1").wait_for()
    yield page
    assert problems == []
    assert all(each.startswith((url, "blob:", "data:")) for each in requested)
    context.close()
