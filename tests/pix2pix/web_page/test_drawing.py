"""The canvas, the upload and the comparison in a real Chromium."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from pix2pix.web_page import part, with_parts
from tests.support.browser import opened_page

pytestmark = pytest.mark.slow  # a Chromium is started

HEIGHT, WIDTH = 48, 64
SKY, WALL, DOOR = (0, 0, 170), (0, 85, 255), (170, 0, 0)
SCRIPTS = ("raster.js", "drawing-board.js", "picture-input.js", "before-after.js")
PAGE = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>test</title>
<link rel="stylesheet" href="page.css"></head><body>
<drawing-board></drawing-board><picture-input></picture-input><before-after></before-after>
{"".join(f'<script src="{name}"></script>' for name in SCRIPTS)}
<script>
const board = document.querySelector("drawing-board");
board.setUp({{ width: {WIDTH}, height: {HEIGHT}, anyColour: true, palette: [
  {{ name: "sky", colour: "#0000aa" }}, {{ name: "wall", colour: "#0055ff" }},
  {{ name: "door", colour: "#aa0000" }}] }});
let drawn = 0, pictures = [];
board.addEventListener("drawn", () => {{ drawn += 1; }});
document.querySelector("picture-input").addEventListener("picture", async ({{ detail }}) => {{
  pictures.push(await decodePicture(detail));
}});
</script></body></html>"""


@pytest.fixture(scope="module")
def open_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(with_parts(PAGE))
    with opened_page(has_touch=True, viewport={"width": 600, "height": 1000}) as page:
        page.goto(path.as_uri())
        yield page


@pytest.fixture
def page(open_page: Page) -> Page:
    open_page.reload()
    return open_page


def pixels(page: Page) -> np.ndarray:
    values = page.evaluate("() => [...board.imageData.data]")
    rgba = np.array(values, np.uint8).reshape(HEIGHT, WIDTH, 4)
    assert (rgba[..., 3] == 255).all()
    return rgba[..., :3]


def at(page: Page, x: int, y: int) -> tuple[float, float]:
    """The place of a pixel's centre on the screen."""
    box = page.locator("drawing-board canvas").bounding_box()
    assert box is not None
    return (
        box["x"] + (x + 0.5) * box["width"] / WIDTH,
        box["y"] + (y + 0.5) * box["height"] / HEIGHT,
    )


def drag(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=4)
    page.mouse.up()


def blank() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), SKY, np.uint8)


def test_a_rectangle_has_both_corners_and_nothing_else(page: Page) -> None:
    page.get_by_label("Rectangle").check()
    drag(page, (30, 20), (10, 5))
    expected = blank()
    expected[5:21, 10:31] = WALL
    np.testing.assert_array_equal(pixels(page), expected)
    assert page.evaluate("drawn") == 1


def test_a_brush_paints_a_line_of_its_width_without_mixed_colours(page: Page) -> None:
    page.get_by_label("door").check()
    page.locator(".board-width").fill("5")
    drag(page, (10, 24), (50, 24))
    painted = (pixels(page) == DOOR).all(axis=2)
    rows, columns = np.indices((HEIGHT, WIDTH))
    nearest = columns.clip(10, 50)
    np.testing.assert_array_equal(painted, np.hypot(rows - 24, columns - nearest) < 2.5)
    np.testing.assert_array_equal(pixels(page)[~painted], blank()[~painted])


def test_filling_stays_within_the_area_of_one_colour(page: Page) -> None:
    page.get_by_label("Rectangle").check()
    drag(page, (0, 10), (63, 12))  # a wall from edge to edge
    page.get_by_label("Fill").check()
    page.get_by_label("door").check()
    page.mouse.click(*at(page, 5, 40))
    expected = blank()
    expected[10:13] = WALL
    expected[13:] = DOOR
    np.testing.assert_array_equal(pixels(page), expected)


def test_changes_are_taken_back_and_made_again(page: Page) -> None:
    page.get_by_label("Rectangle").check()
    drag(page, (1, 1), (9, 9))
    first = pixels(page)
    drag(page, (20, 20), (30, 30))
    second = pixels(page)
    page.get_by_role("button", name="Undo").click()
    np.testing.assert_array_equal(pixels(page), first)
    page.get_by_role("button", name="Redo").click()
    np.testing.assert_array_equal(pixels(page), second)
    page.get_by_role("button", name="Clear").click()
    np.testing.assert_array_equal(pixels(page), blank())
    page.locator("drawing-board canvas").press("Control+z")
    np.testing.assert_array_equal(pixels(page), second)


def test_all_is_possible_with_the_keyboard_and_is_said(page: Page) -> None:
    page.get_by_label("Rectangle").check()
    canvas = page.get_by_role("application", name="Drawing, 64 by 48 pixels")
    canvas.focus()
    canvas.press("3")  # the third colour
    canvas.press(" ")  # the first corner, in the middle
    for _ in range(2):
        canvas.press("Shift+ArrowLeft")
    canvas.press("ArrowUp")
    assert page.locator("drawing-board [role=status]").inner_text() == "Pen at 12, 23"
    canvas.press(" ")
    expected = blank()
    expected[23:25, 12:33] = DOOR
    np.testing.assert_array_equal(pixels(page), expected)
    assert page.locator("drawing-board [role=status]").inner_text() == "Drawn"


def test_a_finger_draws(page: Page) -> None:
    page.locator(".board-width").fill("1")
    page.touchscreen.tap(*at(page, 7, 9))
    expected = blank()
    expected[9, 7] = WALL
    np.testing.assert_array_equal(pixels(page), expected)


def test_a_picture_is_decoded_value_for_value(page: Page, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    page.locator("picture-input input").set_input_files(tmp_path / "a.png")
    page.wait_for_function("() => pictures.length === 1")
    size, values = page.evaluate(
        "() => [[pictures[0].height, pictures[0].width], [...pictures[0].data]]"
    )
    assert size == [6, 9]
    np.testing.assert_array_equal(np.array(values).reshape(6, 9, 4)[..., :3], image)


def test_the_slider_shows_more_or_less_of_the_second_picture(page: Page) -> None:
    page.evaluate("document.querySelector('before-after').show(board.imageData, board.imageData)")
    slider = page.get_by_label("share of the source that is shown")
    slider.fill("80")
    after = page.get_by_role("img", name="translation")
    assert after.evaluate("each => each.style.clipPath") == "inset(0px 0px 0px 80%)"
    assert slider.get_attribute("aria-valuetext") == "80 percent source"


def test_parts_are_put_into_the_page_and_unknown_ones_are_named() -> None:
    page = with_parts(PAGE)
    assert 'src="' not in page
    assert "stylesheet" not in page
    assert part("raster.js") in page
    with pytest.raises(FileNotFoundError, match=r"no-such\.js"):
        with_parts('<script src="no-such.js"></script>')
