"""The page translates in a browser that is offline, with the pixels of `Translator`."""

import dataclasses
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pix2pix.data.input_statistics import InputStatistics
from pix2pix.export.page import Picture, Section, Table, page
from pix2pix.export.workbench import obstacle
from pix2pix.images.resize import resize
from pix2pix.images.scale import from_scale, to_scale
from pix2pix.images.validity import Masked
from pix2pix.web_page import with_parts
from tests.support.browser import opened_page
from tests.support.exported_page import (
    assert_equal_levels,
    colours_shown,
    draw_rectangles,
    drawing,
    opened,
    palette_of,
    random_picture,
    translation,
    upload,
)
from tests.support.exports import make_model, side

WEB = Path(__file__).parents[3] / "pix2pix" / "export" / "web"


@pytest.mark.slow
def test_drawings_examples_and_pictures_are_translated_as_by_the_translator(
    tmp_path: Path,
) -> None:
    """In the published mode, with the dropout masks of the translator, added to the source."""
    options = {"dropout": 0.5, "residual_channels": 3}
    with opened(tmp_path, **options) as (browser_page, translator):
        example = random_picture(32, 32, 3)
        browser_page.wait_for_function("() => board.done.length > 0")
        np.testing.assert_array_equal(drawing(browser_page), example)  # the page begins with it
        draw_rectangles(browser_page, [1, 2])
        drawn = drawing(browser_page)
        assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 3
        browser_page.get_by_role("button", name="Translate").click()
        assert_equal_levels(translation(browser_page), translator.translate(drawn))
        browser_page.locator("#status").evaluate("each => { each.textContent = ''; }")
        browser_page.get_by_role("button", name="example 1").click()
        assert_equal_levels(translation(browser_page), translator.translate(example))
        np.testing.assert_array_equal(drawing(browser_page), example)
        wide = random_picture(45, 70, 3)
        upload(browser_page, wide, tmp_path)
        assert_equal_levels(translation(browser_page), translator.translate(wide))
        assert browser_page.locator("before-after canvas").count() == 2


@pytest.mark.slow
def test_a_translation_that_is_late_does_not_replace_what_came_after_it(tmp_path: Path) -> None:
    with opened(tmp_path) as (browser_page, _):
        browser_page.evaluate(
            "() => { const inTime = translate; translate = async (...given) => {"
            " await new Promise((goOn) => { window.goOn = goOn; }); return inTime(...given); }; }"
        )
        upload(browser_page, random_picture(45, 70, 3), tmp_path)
        browser_page.wait_for_function("() => window.goOn !== undefined")
        (tmp_path / "broken.png").write_text("no picture")
        browser_page.locator("picture-input input").set_input_files(tmp_path / "broken.png")
        error = browser_page.locator("#status.error")
        error.wait_for()
        browser_page.evaluate("() => window.goOn()")
        browser_page.locator("#translate-button:enabled").wait_for()
        assert error.inner_text() == "broken.png is no picture that this browser can read."
        assert browser_page.locator("before-after canvas").count() == 0


@pytest.mark.slow
def test_class_ids_are_drawn_with_colours_and_read_from_grey_files(tmp_path: Path) -> None:
    labels = side(
        1, kind="labels", num_labels=4, void_label=255, value_range=(0.0, 4.0), kernel="nearest"
    )
    options = {"mode": "deterministic", "source": labels, "scale": "none", "target_scale": 2.0}
    with opened(tmp_path, target=side(1), **options) as (browser_page, translator):
        draw_rectangles(browser_page, [1, 3, 4])
        names = browser_page.locator(".board-colours label").all_inner_texts()
        assert [name.strip() for name in names] == [*(f"class {n}" for n in range(4)), "no class"]
        stored = dict(zip(palette_of(browser_page), (0, 1, 2, 3, 255), strict=True))
        drawn = drawing(browser_page)
        ids = np.array([[stored[tuple(pixel)] for pixel in row] for row in drawn.tolist()])
        assert set(ids.flat) == {0, 1, 3, 255}
        browser_page.get_by_role("button", name="Translate").click()
        expected = translator.translate(ids[..., None].astype(np.uint8))
        assert_equal_levels(translation(browser_page), expected.repeat(3, axis=2))
        file = np.random.default_rng(0).choice([0, 1, 2, 3, 255], (20, 33, 1)).astype(np.uint8)
        upload(browser_page, file, tmp_path)
        assert_equal_levels(translation(browser_page), translator.translate(file).repeat(3, 2))
        # Of both pictures only the colours are seen: ids are nearly black.
        for place in (".examples img", "before-after canvas[aria-label=source]"):
            assert colours_shown(browser_page, place) <= set(stored), place
        upload(browser_page, file + 1, tmp_path)  # 4 is no class
        browser_page.locator("#status.error").wait_for()
        assert "class ids 0 to 3" in browser_page.locator("#status").inner_text()


@pytest.mark.slow
def test_colours_become_grey_and_deep_values_are_scaled(tmp_path: Path) -> None:
    """With the identity in place of a network: what is left are the conversions around it."""
    source = side(1, grayscale=True, dtype="uint16", value_range=(100.0, 4095.0), kernel="bilinear")
    _, card = make_model(
        tmp_path / "model", source=source, target=source, scale="fit", load_size=40
    )
    facts = {
        "source": dataclasses.asdict(source),
        "target": dataclasses.asdict(source),
        "extra_sources": [],
        "resize": {"rule": "fit", "size": 40, "target_scale": 1},
        "padding": {"multiple_px": 32},
        "dropout": {"masks": []},
        "seed": 0,
    }  # fmt: skip
    grey = random_picture(60, 90, 1)
    deep = np.rint(100 + grey / 255 * (4095 - 100)).astype(np.uint16)
    inner = to_scale(Masked(deep), source, card.image_scale).pixels
    assert inner.shape == (40, 60, 1)
    expected = from_scale(Masked(inner), source, 60, 90).pixels
    scripts = "".join(
        f'<script src="{name}"></script>' for name in ("resample.js", "translation.js")
    )
    (tmp_path / "page.html").write_text(with_parts(f"<!doctype html>{scripts}", WEB))
    with opened_page() as browser_page:
        browser_page.goto((tmp_path / "page.html").as_uri())
        values = browser_page.evaluate(
            "([grey, facts]) => { const pixels = new ImageData(90, 60); "
            "grey.forEach((value, place) => pixels.data.fill(value, 4 * place, 4 * place + 3)); "
            "return translate(pixels, facts, async ({ source }) => source.data, {})"
            ".then((image) => [...image.values]); }",
            [grey.flatten().tolist(), facts],
        )
    # A step of rounding before each resizing, out of 3995.
    np.testing.assert_allclose(np.reshape(values, (60, 90, 1)), expected.astype(float), atol=2)


@pytest.mark.slow
def test_pictures_are_resized_as_in_python(tmp_path: Path) -> None:
    """Each kernel, up and down, and opacity as the weight of colours."""
    (tmp_path / "resample.html").write_text(
        with_parts('<!doctype html><script src="resample.js"></script>', WEB)
    )
    cases = [
        (kernel, size, channels)
        for kernel in ("area", "bilinear", "bicubic", "nearest")
        for size in ((17, 31), (80, 9), (32, 40))
        for channels in (3, 4)
    ]
    picture = random_picture(32, 40, 4)
    picture[..., 3] = 60 + picture[..., 3] // 2  # browsers forget the colours of what is invisible
    with opened_page() as browser_page:
        browser_page.goto((tmp_path / "resample.html").as_uri())
        for kernel, (height, width), channels in cases:
            image = picture[..., :channels]
            given = {"height": 32, "width": 40, "channels": channels}
            rule = {"kernel": kernel, "dtype": "uint8", "alpha": channels == 4, "top": 255}
            values = browser_page.evaluate(
                "([image, height, width, side]) => [...resize({ ...image, "
                "values: Float32Array.from(image.values) }, height, width, side).values]",
                [{**given, "values": image.flatten().tolist()}, height, width, rule],
            )
            found = np.array(values).reshape(height, width, channels)
            expected = resize(image, height, width, kernel=kernel, alpha=channels == 4)
            np.testing.assert_allclose(found, expected, atol=1)
            assert (found != expected).mean() < 0.01


def test_what_is_shown_is_text_and_never_markup() -> None:
    evil = '<script>alert("&")</script>'
    shown = page(
        evil,
        evil,
        [
            Section(title=evil, text=evil, parts=[Table([[evil, "b"], ["c", evil]])]),
            Section(title=evil, parts=[Picture(b"png", evil + '"')], is_folded=True),
        ],
        workbench=evil,
    )
    assert "alert(" in shown
    assert "<script>" not in shown
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)  # type: ignore[method-assign]
    tags: list[str] = []
    parser.feed(shown)
    assert "script" not in tags
    assert {"details", "figure", "table"} <= set(tags)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1000, 360])
def test_names_and_intervals_in_tables_are_not_broken_into_letters(width: int) -> None:
    rows = [
        ["metric", "model", "mean target", "identity", "real vs real"],
        ["frechet_efficientnet_lite0", *["347.5 (318 to 376)"] * 3, "108.9 (79 to 143)"],
        [
            "kid_efficientnet_lite0",
            *["0.6622 (0.623 to 0.697)"] * 3,
            "-0.02919 (-0.0952 to 0.0375)",
        ],
    ]
    scores = Section(title="Scores", parts=[Table(rows, has_numbers=True)])
    with opened_page(viewport={"width": width, "height": 800}) as browser_page:
        browser_page.set_content(page("title", "summary", [scores], workbench="none"))
        heights = browser_page.evaluate(
            "[...document.querySelectorAll('tbody tr')].map((row) => row.offsetHeight /"
            " parseFloat(getComputedStyle(row).lineHeight))"
        )
        frame, content = browser_page.evaluate(
            "[...document.querySelectorAll('.table-frame')]"
            ".flatMap((frame) => [frame.clientWidth, frame.scrollWidth])"
        )
        whole_page = browser_page.evaluate("document.documentElement.scrollWidth")
    assert max(heights) < 4  # lines: three parts of a name, and the space around them
    assert (content > frame) == (width == 360)  # there one moves the table inside its frame
    assert whole_page == width


@pytest.mark.slow
@pytest.mark.parametrize("palette", [("#285ae6", "#fadc3c", "#2050f0"), None])
def test_one_draws_with_the_palette_of_the_card(
    tmp_path: Path, palette: tuple[str, ...] | None
) -> None:
    """Photographs have no palette; one draws on them with every colour."""
    statistics = InputStatistics({}, palette)
    with opened(tmp_path, mode="deterministic", source_statistics=statistics) as (browser_page, _):
        shown = browser_page.locator(".board-colours label")
        colours = shown.locator("input[type=radio]").evaluate_all("all => all.map((e) => e.value)")
        names = [name.strip() for name in shown.all_inner_texts()]
    if palette is None:
        assert colours == ["#ffffff", "#000000", "#909090", ""]
        assert names == ["white", "black", "grey", "other"]
    else:
        assert (tuple(colours), names) == (palette, ["blue", "yellow", "blue 2"])


def test_sources_that_no_browser_has_are_named(tmp_path: Path) -> None:
    _, card = make_model(tmp_path / "five", source=side(5))
    assert "5 channels" in str(obstacle(card))
    assert obstacle(make_model(tmp_path / "four", source=side(4))[1]) is None
    _, card = make_model(tmp_path / "masked", source=side(3, nodata=0.0))
    assert "pixels without a value" in str(obstacle(card))
