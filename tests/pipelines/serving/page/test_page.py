"""The page in a real Chromium, over the HTTP side and a model in this process."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from pix2pix.images.encode import encode, encode_as
from pix2pix.inference import Translator
from tests.support.served_models import NAME, SIZE, label_maps
from tests.support.served_page import drag, drawing, result

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]


def test_a_drawing_is_translated_as_by_the_translator_byte_for_byte(
    page: Page, translators: list[Translator]
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


def test_one_can_draw_with_the_keyboard_alone(page: Page, translators: list[Translator]) -> None:
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
    page: Page, translators: list[Translator], tmp_path: Path
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
    page: Page, translators: list[Translator], tmp_path: Path
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
    page: Page,
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


def test_class_ids_reach_a_model_of_class_ids(page: Page, translators: list[Translator]) -> None:
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


def test_the_history_outlives_the_page_until_it_is_cleared(page: Page) -> None:
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


def test_the_slider_uncovers_the_source(page: Page) -> None:
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
    browser: Browser, url: str, size: Any
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
def test_nothing_is_cut_off_on_a_phone(browser: Browser, url: str, scheme: Any) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name="example 1").tap()
    result(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def test_every_control_has_a_name(page: Page) -> None:
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas[tabindex], a[href]")]
            .filter((each) => !(each.labels?.length || each.ariaLabel || each.innerText))
            .map((each) => each.outerHTML)"""
    )
    assert unnamed == []
