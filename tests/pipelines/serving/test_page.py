"""The page in a real Chromium, over the HTTP side and a model in this process."""

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import uvicorn
from playwright.sync_api import expect

from pipelines.serving.access import Access
from pipelines.serving.http_app import make_app
from pix2pix.data.manifest import SideRecord
from pix2pix.images.encode import encode, encode_as
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.browser import chromium, problems_of
from tests.support.mlflow_process import closed_port
from tests.support.served_models import NAME, SIZE, LocalModel, label_maps, write_labels_model

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

TOKEN = "open sesame"


async def no_metrics() -> str:
    return ""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
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


@contextmanager
def started(*models: LocalModel, digest: bytes | None = None) -> Iterator[str]:
    """The page's address while a server runs in a thread."""
    named = {f"{NAME}/{place}": model for place, model in enumerate(models, start=1)}
    app = make_app(named, access=Access(digest), max_body_bytes=2**24, metrics=no_metrics)
    port = closed_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def url(translators: list[Translator]) -> Iterator[str]:
    colours, ids = (LocalModel(each, max_pixels=10**6) for each in translators)
    ids.version = type(ids.version)(NAME, "2", translators[1], {}, ())
    with started(colours, ids) as url:
        yield url


@pytest.fixture
def page(browser: "Browser", url: str) -> Iterator["Page"]:
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


def drawing(page: "Page") -> np.ndarray:
    """The pixels of the canvas, (H, W, 3)."""
    values, width, height = page.evaluate(
        "() => { const {data, width, height} = board.imageData; return [[...data], width, height] }"
    )
    rgba = np.array(values, np.uint8).reshape(height, width, 4)
    assert set(rgba[..., 3].flat) == {255}
    return rgba[..., :3]


def result(page: "Page") -> bytes:
    """The file that the page offers for download, after the translation that is under way."""
    page.locator("#status", has_text="Done.").wait_for()
    address = page.locator("#download").get_attribute("href")
    assert address is not None
    return base64.b64decode(address.partition("base64,")[2])


def drag(page: "Page", first: tuple[float, float], last: tuple[float, float]) -> None:
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


def test_a_drawing_is_translated_as_by_the_translator_byte_for_byte(
    page: "Page", translators: list[Translator]
) -> None:
    palette = translators[0].card.source_statistics.palette
    names = page.locator(".board-colours label")
    assert names.count() == len(palette)
    page.get_by_role("button", name="Clear", exact=True).click()
    names.nth(2).click()
    page.get_by_label("Rectangle").check()
    drag(page, (0.2, 0.3), (0.7, 0.8))
    names.nth(1).click()
    page.get_by_label("Brush").check()
    drag(page, (0.1, 0.1), (0.9, 0.2))
    drawn = drawing(page)
    colours = {f"#{r:02x}{g:02x}{b:02x}" for r, g, b in drawn.reshape(-1, 3).tolist()}
    assert colours == set(palette[:3])
    page.get_by_role("button", name="Translate", exact=True).click()
    assert result(page) == encode(translators[0].translate(drawn))
    assert f"{NAME}, version 1" in page.locator("#made-by").inner_text()


def test_the_page_begins_with_an_example_on_which_one_can_draw(
    page: "Page", translators: list[Translator]
) -> None:
    (example,) = label_maps(30, 1)
    np.testing.assert_array_equal(drawing(page), example)
    page.locator("#translate").click()
    assert result(page) == encode(translators[0].translate(example))


def test_class_ids_of_an_example_are_on_the_canvas_and_one_of_another_size_is_a_picture(
    browser: "Browser", translators: list[Translator]
) -> None:
    ids = np.zeros((32, 64, 1), np.uint8)
    ids[:, 20:40], ids[5:9], ids[20:] = 2, 255, 3
    for example, is_drawing in ((ids, True), (ids[:, :40], False)):
        model = LocalModel(translators[1])
        model.version = replace(model.version, examples=({"source": encode(example)},))
        with started(model) as url:
            page = browser.new_page()
            page.goto(url)
            page.locator("#status", has_text="The source is example 1").wait_for()
            assert page.locator("drawing-board canvas").is_visible() is is_drawing
            assert page.locator("#preview").is_visible() is not is_drawing
            page.locator("#translate").click()
            assert result(page) == encode(translators[1].translate(example))
            page.close()


def test_an_example_does_not_take_the_place_of_a_drawing_or_outlive_its_model(
    browser: "Browser", translators: list[Translator]
) -> None:
    late: list[Any] = []
    with started(LocalModel(translators[0])) as url:
        page = browser.new_page()
        page.route("**/examples/0?*", lambda route: late.append(route))
        page.goto(url)
        page.locator("#about-model", has_text="version").wait_for()
        drag(page, (0.1, 0.1), (0.9, 0.2))
        drawn = drawing(page)
        late[0].continue_()
        page.get_by_role("button", name="example 3").wait_for()
        np.testing.assert_array_equal(drawing(page), drawn)
        page.close()
    models = [LocalModel(translators[0]) for _ in range(2)]
    small = label_maps(30, 1)[0][:32]
    models[0].version = replace(models[0].version, examples=({"source": encode(small)},))
    models[1].version = replace(models[1].version, examples=())
    with started(*models) as url:
        page = browser.new_page()
        page.goto(url)
        page.locator("#picture-name", has_text="example 1").wait_for()
        page.get_by_label("Model").select_option(index=1)
        page.get_by_label("Picture", exact=True).check()
        page.get_by_text("No picture is chosen yet.").wait_for()
        page.close()


def test_one_can_draw_with_the_keyboard_alone(page: "Page", translators: list[Translator]) -> None:
    page.locator("drawing-board canvas").focus()
    for key in ("3", "Shift+ArrowRight", "ArrowDown", "Space", "Shift+ArrowUp", "Shift+Space"):
        page.keyboard.press(key)
    drawn = drawing(page)
    third = [
        int(translators[0].card.source_statistics.palette[2][i : i + 2], 16) for i in (1, 3, 5)
    ]
    assert drawn[SIZE // 2 + 1, SIZE // 2 + 10].tolist() == third
    page.locator("#translate").focus()
    page.keyboard.press("Enter")
    assert result(page) == encode(translators[0].translate(drawn))


def test_a_file_and_an_example_are_translated_and_a_wrong_file_is_explained(
    page: "Page", translators: list[Translator], tmp_path: Path
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 30, 3), dtype=np.uint8)
    (tmp_path / "noise.png").write_bytes(encode(image))
    (tmp_path / "broken.png").write_bytes(encode(image)[:-20])
    page.get_by_label("Picture", exact=True).check()
    page.locator("picture-input input").set_input_files(tmp_path / "noise.png")
    page.locator("#translate").click()
    assert result(page) == encode(translators[0].translate(image))
    assert "share of label colours is 0" in page.locator("#unlike").inner_text()
    page.locator("picture-input input").set_input_files(tmp_path / "broken.png")
    page.locator("#translate").click()
    page.locator("#status.error", has_text="truncated").wait_for()
    page.get_by_role("button", name="example 2").click()
    assert result(page) == encode(translators[0].translate(label_maps(31, 1)[0]))
    assert page.locator("#unlike").is_hidden()


def test_a_file_that_the_browser_cannot_show_is_translated_and_its_result_is_seen(
    page: "Page", translators: list[Translator], tmp_path: Path
) -> None:
    (image,) = label_maps(40, 1)
    (tmp_path / "scan.tif").write_bytes(encode_as(image, "image/tiff"))
    page.get_by_label("Picture", exact=True).check()
    page.locator("picture-input input").set_input_files(tmp_path / "scan.tif")
    page.locator("#picture-name", has_text="scan.tif (this browser cannot show it)").wait_for()
    assert page.locator("#preview").is_hidden()
    page.locator("#translate").click()
    assert result(page) == encode(translators[0].translate(image))
    page.get_by_text("This browser cannot show the file of the source.").wait_for()
    shown = page.locator("before-after img")
    assert shown.get_attribute("alt") == "translation"
    box = shown.bounding_box()
    assert box is not None
    assert box["height"] == pytest.approx(box["width"])
    assert page.locator("before-after input").is_hidden()
    assert page.locator("#history .tiles img").count() == 1


def test_the_last_of_two_translations_is_shown_whichever_answer_comes_first(
    page: "Page",
) -> None:
    waiting: list[Any] = []
    page.route("**/translate?*", lambda route: waiting.append(route))
    for number in (1, 2):
        with page.expect_request("**/translate?*"):
            page.get_by_role("button", name=f"example {number}").click()
    for place, route in enumerate(reversed(waiting), start=1):
        route.continue_()
        page.locator("#history .tiles button").nth(place - 1).wait_for()
    assert page.locator("#download").get_attribute("download") == "example-2-translated.png"
    assert page.locator("#translate").is_enabled()


def test_a_model_that_is_chosen_while_examples_load_shows_its_own_alone(
    browser: "Browser", translators: list[Translator]
) -> None:
    late: list[Any] = []
    first_of_second = re.compile(r"/examples/0\?model=.*2&field=image$")
    models = (LocalModel(translators[0], number=number) for number in "12")
    with started(*models) as url:
        page = browser.new_page()
        page.goto(url)
        tiles = page.locator("#examples .tiles button")
        tiles.nth(2).wait_for()
        page.route(first_of_second, lambda route: late.append(route))
        with page.expect_request(first_of_second):
            page.get_by_label("Model").select_option(index=1)
        page.get_by_label("Model").select_option(index=0)
        tiles.nth(2).wait_for()
        with page.expect_response(first_of_second):
            late[0].continue_()
        page.wait_for_load_state("networkidle")
        assert tiles.all_inner_texts() == [f"example {number}" for number in (1, 2, 3)]
        page.close()


def test_class_ids_reach_a_model_of_class_ids(page: "Page", translators: list[Translator]) -> None:
    page.get_by_label("Model").select_option(index=1)
    page.locator("#about-model", has_text="version 2").wait_for()
    ids = np.zeros((32, 64, 1), np.uint8)
    names = page.locator(".board-colours label")
    assert names.all_inner_texts()[-1].strip() == "no class"
    for index, value in ((3, 3), (4, 255)):
        names.nth(index).click()
        page.get_by_label("Fill").check()
        drag(page, (0.5, 0.5), (0.5, 0.5))
        ids[:] = value
        page.locator("#translate").click()
        page.locator("#translate:not([disabled])").wait_for()
        assert result(page) == encode(translators[1].translate(ids))


def test_the_history_outlives_the_page_until_it_is_cleared(page: "Page") -> None:
    tiles = page.locator("#history .tiles button")
    for number in (1, 2):
        page.get_by_role("button", name=f"example {number}").click()
        tiles.nth(number - 1).wait_for()
    page.reload()
    captions = [caption.split(",")[0].strip() for caption in tiles.all_inner_texts()]
    assert captions == ["example 2", "example 1"]
    tiles.nth(1).click()
    assert page.locator("#download").get_attribute("download") == "example-1-translated.png"
    page.get_by_role("button", name="Clear the history").click()
    assert page.locator("#history").is_hidden()
    page.reload()
    assert tiles.count() == 0


def test_the_slider_uncovers_the_source(page: "Page") -> None:
    page.get_by_role("button", name="example 1").click()
    result(page)
    slider = page.locator("before-after input")
    slider.focus()
    page.keyboard.press("End")
    cut = page.locator("before-after .compare-frame > :last-child").evaluate(
        "each => each.style.clipPath"
    )
    assert cut == "inset(0px 0px 0px 100%)"


@pytest.mark.parametrize("size", [{"width": 1100, "height": 800}, {"width": 390, "height": 844}])
def test_the_result_is_in_sight_when_it_is_there_and_when_it_is_chosen_again(
    browser: "Browser", url: str, size: Any
) -> None:
    context = browser.new_context(viewport=size)
    page = context.new_page()
    page.goto(url)
    page.locator("#status", has_text="press Translate").wait_for()
    page.locator("#translate").click()
    result(page)
    expect(page.locator(".compare-frame")).to_be_in_viewport(ratio=1)
    if size["width"] > size["height"]:  # beside it, the next translation can be asked for at once
        expect(page.locator("#translate")).to_be_in_viewport(ratio=1)
    page.locator("#history .tiles button").click()
    expect(page.locator(".compare-frame")).to_be_in_viewport(ratio=1)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_phone(browser: "Browser", url: str, scheme: Any) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name="example 1").tap()
    result(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def test_every_control_has_a_name(page: "Page") -> None:
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas[tabindex], a[href]")]
            .filter((each) => !(each.labels?.length || each.ariaLabel || each.innerText))
            .map((each) => each.outerHTML)"""
    )
    assert unnamed == []


def test_the_page_asks_for_the_token(browser: "Browser", translators: list[Translator]) -> None:
    digest = hashlib.sha256(TOKEN.encode()).digest()
    with started(LocalModel(translators[0]), digest=digest) as url:
        page = browser.new_page()
        page.goto(url)
        is_wrong = page.get_by_text("The token that was given is wrong.")
        for typed, is_second in (("wrong", False), (TOKEN, True)):
            page.locator("#token-dialog[open]").wait_for()
            is_wrong.wait_for(state="visible" if is_second else "hidden")
            page.locator("#token").fill(typed)
            page.keyboard.press("Enter")
        page.get_by_role("button", name="example 1").click()
        assert result(page)
        page.close()


def test_the_dialog_of_the_token_can_be_left(
    browser: "Browser", translators: list[Translator]
) -> None:
    digest = hashlib.sha256(TOKEN.encode()).digest()
    with started(LocalModel(translators[0]), digest=digest) as url:
        page = browser.new_page()
        page.goto(url)
        page.locator("#token-dialog[open]").wait_for()
        page.keyboard.press("Escape")
        page.locator("#status.error", has_text="reload the page to give it").wait_for()
        assert page.locator("#token-dialog").is_hidden()
        page.close()
