"""The Chromium of the system, without a window."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A browser; the test is skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root, Chromium starts only without its sandbox. It opens nothing but the tests' pages.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def problems_of(page: Any) -> list[str]:
    """A list that grows with each error of the page's scripts, and each address that is blocked.

    A status of 400 or more is none: a page may ask for what is refused, and say so.
    """
    problems: list[str] = []

    def hear(said: Any) -> None:
        if said.type == "error" and "the server responded with a status of 4" not in said.text:
            problems.append(said.text)

    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", hear)
    return problems
