"""A browser and a service for the tests of the page, and pages that tell of every mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("playwright", reason="needs playwright")
pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.opening import PATIENCE, Opener, launch
from tests.photos import noisy, scene, write_photo
from tests.service.running import Running, running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Closed with this package: while it is open, no other test can run an event loop.
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        found = launch(playwright.chromium)
        yield found
        found.close()


@pytest.fixture(scope="package")
def service() -> Iterator[Running]:
    # On a busy machine a look may take long; what is tested is not how long.
    with running(look_seconds=600, job_seconds=1800) as service:
        yield service


@pytest.fixture(scope="package")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A noisy photo that keeps the service at work until it is cancelled."""
    path = tmp_path_factory.mktemp("large") / "large.png"
    return write_photo(path, noisy(scene(1100, 1500), 20))


@pytest.fixture
def opened(browser, service) -> Iterator[Opener]:
    """Opens the page; at the end it must have asked nobody else and made no mistake."""
    opener = Opener(browser, service.url)
    yield opener
    opener.close()
