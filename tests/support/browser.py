"""A headless Chromium of the system, in which tests use pages as a person does."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where there is no Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium is installed")
    with sync_playwright() as playwright:
        # The sandbox needs rights that containers do not have.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened_page(**context: object) -> Iterator[Page]:
    """A page of a fresh Chromium; the arguments are those of `Browser.new_context`.

    The test fails if a script of the page fails. It is skipped where there is no Chromium.
    """
    with chromium() as browser:
        page = browser.new_context(**context).new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert errors == []


def problems_of(page: Page) -> list[str]:
    """A list that grows with each error of the page's scripts, and each address that is blocked.

    A status of 400 or more is none: a page may ask for what is refused, and say so.
    """
    problems: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error" and "the server responded with a status of 4" not in said.text:
            problems.append(said.text)

    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", hear)
    return problems
