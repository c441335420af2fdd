"""The page of a server in this process, and what a person does there."""

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import uvicorn
from playwright.sync_api import Page

from pipelines.serving.access import Access
from pipelines.serving.http_app import make_app
from tests.support.http_app import no_metrics
from tests.support.served_models import NAME, LocalModel


@contextmanager
def started(*models: LocalModel, digest: bytes | None = None) -> Iterator[str]:
    """The page's address while a server runs in a thread."""
    named = {f"{NAME}/{place}": model for place, model in enumerate(models, start=1)}
    app = make_app(named, access=Access(digest), max_body_bytes=2**24, metrics=no_metrics)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    # It listens before the server runs: a page that asks at once waits, and is not refused.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


def drawing(page: Page) -> np.ndarray:
    """The pixels of the canvas, (H, W, 3)."""
    values, width, height = page.evaluate(
        "() => { const {data, width, height} = board.imageData; return [[...data], width, height] }"
    )
    rgba = np.array(values, np.uint8).reshape(height, width, 4)
    assert set(rgba[..., 3].flat) == {255}
    return rgba[..., :3]


def result(page: Page) -> bytes:
    """The file that the page offers for download, after the translation that is under way."""
    page.locator("#status", has_text="Done.").wait_for()
    address = page.locator("#download").get_attribute("href")
    assert address is not None
    return base64.b64decode(address.partition("base64,")[2])


def drag(page: Page, first: tuple[float, float], last: tuple[float, float]) -> None:
    """Draw with the mouse, from and to shares of the canvas."""
    canvas = page.locator("drawing-board canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (first, last)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=5)
    page.mouse.up()
