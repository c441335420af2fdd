"""A headless Chromium of the system, in which tests use pages as a person does."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright


@contextmanager
def opened_page(**context: object) -> Iterator[Page]:
    """A page of a fresh Chromium; the arguments are those of `Browser.new_context`.

    The test fails if a script of the page fails. It is skipped where there is no Chromium.
    """
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium is installed")
    with sync_playwright() as playwright:
        # The sandbox needs rights that containers do not have.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(**context).new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        browser.close()
    assert errors == []
