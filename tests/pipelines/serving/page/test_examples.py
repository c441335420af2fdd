"""The examples of a model on its page, in a real Chromium."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.support.served_models import LocalModel, label_maps
from tests.support.served_page import drag, drawing, result, started

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]


def test_the_page_begins_with_an_example_on_which_one_can_draw(
    page: Page, translators: list[Translator]
) -> None:
    (example,) = label_maps(30, 1)
    np.testing.assert_array_equal(drawing(page), example)
    page.locator("#translate").click()
    assert result(page) == encode(translators[0].translate(example))


def test_class_ids_of_an_example_are_on_the_canvas_and_one_of_another_size_is_a_picture(
    browser: Browser, translators: list[Translator]
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


def test_class_ids_are_shown_in_the_colours_of_the_canvas_and_not_nearly_black(
    browser: Browser, translators: list[Translator]
) -> None:
    ids = np.zeros((32, 64, 1), np.uint8)
    ids[:, 20:40], ids[5:9], ids[20:] = 2, 255, 3
    model = LocalModel(translators[1])
    examples = tuple({"source": encode(each)} for each in (ids, ids[:, :40]))
    model.version = replace(model.version, examples=examples)
    with started(model) as url:
        page = browser.new_page()
        page.goto(url)
        page.locator("#status", has_text="The source is example 1").wait_for()
        colours = drawing(page)
        page.get_by_role("button", name="example 2").click()
        assert result(page) == encode(translators[1].translate(ids[:, :40]))
        tiles = "#examples .tiles button:nth-child({}) img"
        np.testing.assert_array_equal(_shown(page, tiles.format(1)), colours)
        for place in (tiles.format(2), "#preview", "#comparison img[alt=source]"):
            np.testing.assert_array_equal(_shown(page, place), colours[:, :40])
        page.close()


def _shown(page: Page, place: str) -> np.ndarray:
    """The pixels (H, W, 3) of the picture at `place`."""
    values, width, height = page.locator(place).evaluate(
        """async (image) => {
          await image.decode();
          const {naturalWidth: width, naturalHeight: height} = image;
          const context = new OffscreenCanvas(width, height).getContext("2d");
          context.drawImage(image, 0, 0);
          const {data} = context.getImageData(0, 0, width, height);
          return [[...data], width, height];
        }"""
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def test_an_example_does_not_take_the_place_of_a_drawing_or_outlive_its_model(
    browser: Browser, translators: list[Translator]
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


def test_a_model_that_is_chosen_while_examples_load_shows_its_own_alone(
    browser: Browser, translators: list[Translator]
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
