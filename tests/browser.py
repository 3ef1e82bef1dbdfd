"""A browser in which tests open pages."""

import importlib.util
import shutil
from contextlib import contextmanager

import pytest

#: The first is the browser without a window of its own, which takes as much time as a page.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PROGRAM = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run"
)
needs_browser = pytest.mark.skipif(
    PROGRAM is None or importlib.util.find_spec("playwright") is None,
    reason="no Chromium, or no Playwright to drive it",
)


@contextmanager
def chromium():
    """Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS.split())
        yield browser
        browser.close()


def new_context(browser, **options):
    """A window of its own. What moves on a page is drawn by the processor here, which other tests need."""
    return browser.new_context(reduced_motion="reduce", **options)
