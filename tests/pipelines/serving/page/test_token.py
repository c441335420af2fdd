"""The page of a server that wants a token, in a real Chromium."""

import hashlib

import pytest
from playwright.sync_api import Browser

from pix2pix.inference import Translator
from tests.support.served_models import LocalModel
from tests.support.served_page import result, started

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

TOKEN = "open sesame"


def test_the_page_asks_for_the_token(browser: Browser, translators: list[Translator]) -> None:
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
    browser: Browser, translators: list[Translator]
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
