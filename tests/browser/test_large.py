"""Large photos, and many; minutes, so only when all tests are run."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.browser.opening import CAT, CLEAN, WEB, check_access, finished, send, tiles
from tests.photos import noisy, scene, write_photo

pytestmark = pytest.mark.slow


def test_three_megapixels_are_better_within_seconds(opened, tmp_path):
    page = opened()
    photo = write_photo(tmp_path / "three.jpg", noisy(scene(1500, 2000), 15), quality=90)
    start = time.monotonic()
    send(page, photo)
    finished(page)
    assert time.monotonic() - start < 10


def test_a_large_photo_is_followed_looked_at_and_tuned(opened, tmp_path):
    page = opened()
    send(page, write_photo(tmp_path / "large.jpg", noisy(scene(3000, 4000), 15), quality=90))
    expect(tiles(page, "running")).to_have_count(1)
    expect(page.locator("#status-left")).to_contain_text("left")
    finished(page)
    page.locator("#strength").fill("50")
    # A dial shows what it does to pixels, so it goes where they are seen.
    expect(page.locator("#zoom-value")).to_have_text("100 %")
    expect(page.locator("#after-label")).to_have_text("Preview")
    expect(page.locator("#after-busy")).to_be_hidden()
    check_access(page)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#status-left")).to_contain_text("left")
    page.get_by_role("button", name="Cancel", exact=True).click()
    # What was there before is there again.
    finished(page)
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.get_by_role("button", name="Apply")).to_be_visible()


def test_many_photos_are_done_one_after_the_other(opened):
    page = opened()
    send(page, *[CAT, WEB, CLEAN] * 8)
    expect(page.locator(".tile")).to_have_count(24)
    finished(page, 24)
    expect(page.locator("#download-all")).to_have_text("Download all 24")
    expect(tiles(page, "failed")).to_have_count(0)
    check_access(page)
