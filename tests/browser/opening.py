"""How tests open the page and what they do there again and again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, BrowserType, Error, Locator, Page, expect

EXAMPLES = Path(__file__).parents[2] / "examples" / "photos"
CAT = EXAMPLES / "cat-at-dusk.jpg"
WEB = EXAMPLES / "coffee-from-the-web.jpg"
CLEAN = EXAMPLES / "coffee-clean.jpg"

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
PATIENCE = 240_000
"""Milliseconds that anything may take on a busy machine."""


def launch(chromium: BrowserType) -> Browser:
    """The system's Chromium, or else playwright's own; ``make browser`` installs either."""
    # A container's root cannot have the sandbox.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    reasons = []
    for path in (*filter(None, map(shutil.which, NAMES)), None):
        try:
            return chromium.launch(executable_path=path, args=arguments)
        except Error as error:
            reasons.append(error.message.strip().partition("\n")[0])
    pytest.skip(f"no Chromium starts; `make browser` installs one ({'; '.join(reasons)})")


@dataclass
class Opener:
    """Opens pages and listens to what goes wrong in them."""

    browser: Browser
    url: str
    refusals: bool = False
    """Whether answers with an error are part of the test; the browser logs each."""
    wrong: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def __call__(self, **options: Any) -> Page:
        # Without motion, colours are what they will be from the start.
        usual = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        context = self.browser.new_context(**usual | options)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("request", lambda request: self._asked(request.url))
        page.goto(self.url)
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        assert not self.wrong, "\n".join(self.wrong)

    def _heard(self, kind: str, text: str) -> None:
        refused = self.refusals and text.startswith("Failed to load resource")
        if kind in ("error", "warning") and not refused:
            self.wrong.append(text)

    def _asked(self, url: str) -> None:
        if urlsplit(url).scheme not in ("blob", "data") and not url.startswith(f"{self.url}/"):
            self.wrong.append(f"asked {url}")


def tiles(page: Page, state: str) -> Locator:
    return page.locator(f".tile[data-state={state}]")


def finished(page: Page, count: int = 1) -> None:
    """Wait until so many photos are done."""
    expect(tiles(page, "done")).to_have_count(count)


def send(page: Page, *photos: Path) -> None:
    page.set_input_files("#files", list(photos))


def saved(page: Page, button: str, folder: Path) -> Path:
    """Press a button, and the file that comes."""
    with page.expect_download() as waiting:
        page.locator(button).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait for what no locator can tell."""
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end
        page.wait_for_timeout(20)


def has_focus(page: Page) -> bool:
    """Whether the keyboard is at something that can be seen."""
    seen: bool = page.evaluate(
        "document.activeElement !== document.body && document.activeElement.checkVisibility()"
    )
    return seen


def check_access(page: Page) -> None:
    """No trouble for those who cannot see, or use no mouse."""
    # The rules are part of the test's own world; the page's policy holds for the page.
    found = Axe().run(page).response["violations"]
    wrong = [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
    assert not wrong, "\n".join(wrong)
