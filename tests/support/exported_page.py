"""The page of an exported model in an offline browser, and what a person does there."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from pix2pix.export.folder import write_export
from pix2pix.export.page import page
from pix2pix.export.samples import random_samples
from pix2pix.export.workbench import make_workbench
from pix2pix.inference import Translator
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceNetwork
from tests.support.browser import opened_page
from tests.support.exports import make_model
from tests.support.page_runtime import installed_runtime

SMALL = {"width": 700, "height": 1100}


@contextmanager
def opened(folder: Path, **arguments: Any) -> Iterator[tuple[Page, Translator]]:
    """The page of a model of random weights, opened from its file in an offline browser.

    The arguments are those of `make_model`.
    """
    generator, card = make_model(folder / "model", **arguments)
    mode = card.inference_mode
    write_export(folder, generator, card, model="test", modes=[mode])
    workbench = make_workbench(
        folder,
        InferenceNetwork(generator, mode),
        card,
        runtime=installed_runtime(),
        sources=[example_of(card)],
        samples=random_samples(card),
    )
    path = folder / "index.html"
    path.write_text(page("test", "A test.", [], workbench=workbench))
    with opened_page(offline=True, viewport=SMALL) as browser_page:
        requests: list[str] = []
        browser_page.on("request", lambda request: requests.append(request.url))
        browser_page.goto(path.as_uri())
        yield browser_page, Translator.load(folder / "model")
        assert requests[0] == path.as_uri()
        assert [url for url in requests[1:] if not url.startswith(("blob:", "data:"))] == []


def example_of(card: ModelCard) -> dict[str, np.ndarray]:
    """A picture for each source, for targets of 32x32 px; class ids are 0 to 3."""
    sizes = card.source_sizes(32, 32)
    return {
        name: random_picture(*sizes[name], side.channels) // (1 if side.num_labels is None else 64)
        for name, side in card.sources.items()
    }


def random_picture(height: int, width: int, channels: int) -> np.ndarray:
    """Cells of 4 px and noise, so that resizing matters."""
    rng = np.random.default_rng(height)
    cells = rng.integers(0, 256, (-(-height // 4), -(-width // 4), channels))
    picture = cells.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    noise = rng.integers(-20, 21, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def draw_rectangles(browser_page: Page, colours: list[int]) -> None:
    """A rectangle of each colour of the palette, from left to right, and nothing else."""
    browser_page.get_by_role("button", name="Clear").click()
    browser_page.get_by_label("Rectangle").check()
    box = browser_page.locator("drawing-board canvas").bounding_box()
    assert box is not None
    for place, colour in enumerate(colours):
        browser_page.locator(".board-colours label").nth(colour).click()
        left = box["x"] + (0.1 + place * 0.8 / len(colours)) * box["width"]
        browser_page.mouse.move(left, box["y"] + 0.3 * box["height"])
        browser_page.mouse.down()
        browser_page.mouse.move(left + 0.1 * box["width"], box["y"] + 0.9 * box["height"])
        browser_page.mouse.up()


def drawing(browser_page: Page) -> np.ndarray:
    height, width, values = browser_page.evaluate(
        "() => [board.picture.height, board.picture.width, [...board.imageData.data]]"
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def palette_of(browser_page: Page) -> list[tuple[int, ...]]:
    """The colours to draw with, as (red, green, blue)."""
    radios = browser_page.locator(".board-colours input")
    colours = radios.evaluate_all("all => all.map((each) => each.value)")
    return [tuple(bytes.fromhex(colour[1:])) for colour in colours]


def colours_shown(browser_page: Page, place: str) -> set[tuple[int, ...]]:
    """The colours (red, green, blue) of a picture or canvas at `place`."""
    values = browser_page.locator(place).evaluate(
        """(shown) => {
          const width = shown.naturalWidth ?? shown.width;
          const height = shown.naturalHeight ?? shown.height;
          const context = new OffscreenCanvas(width, height).getContext("2d");
          context.drawImage(shown, 0, 0);
          return [...context.getImageData(0, 0, width, height).data];
        }"""
    )
    return {tuple(colour) for colour in np.reshape(values, (-1, 4))[:, :3].tolist()}


def translation(browser_page: Page) -> np.ndarray:
    """The result (H, W, 3), once it is there."""
    said = browser_page.locator("#status", has_text=re.compile("^Translated"))
    said.or_(browser_page.locator("#status.error")).wait_for()
    assert said.count() == 1, browser_page.locator("#status").inner_text()
    address = browser_page.get_by_role("link", name="Download").get_attribute("href")
    assert address is not None
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def upload(browser_page: Page, picture: np.ndarray, folder: Path) -> None:
    Image.fromarray(picture.squeeze()).save(folder / "upload.png")
    browser_page.locator("#status").evaluate("each => { each.textContent = ''; }")
    browser_page.locator("picture-input input").first.set_input_files(folder / "upload.png")


def assert_equal_levels(found: np.ndarray, expected: np.ndarray) -> None:
    """At most one level of 255 apart, and nearly everywhere equal."""
    assert found.shape[:2] == expected.shape[:2]
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02
