"""Where nothing is done: why, in numbers, and what may be done all the same."""

from __future__ import annotations

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.opening import CLEAN, PHONE, check_access, finished, send


def offer(page, name):
    return page.locator("#offers").get_by_role("button", name=name)


@pytest.fixture
def soft(tmp_path):
    """A photo that was enlarged by a little: softer than it could be, and not worth sharpening."""
    path = tmp_path / "soft.png"
    with Image.open(CLEAN) as photo:
        photo.resize((1200, 800), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.mark.parametrize("look", [{}, PHONE], ids=["desktop", "phone"])
def test_a_clean_photo_says_why_and_obeys(opened, look):
    page = opened(**look)
    send(page, CLEAN)
    finished(page)
    expect(page.locator("#diagnosis-words")).to_have_text("Nothing that is worth mending.")
    expect(page.locator("#plan-notes")).to_contain_text("Nothing to do")
    # The numbers, and the limits beside them.
    offers = page.locator("#offers")
    for words in ("noise of sigma", "from sigma 2 on", "below quality 90", "1.5 times smaller"):
        expect(offers).to_contain_text(words, ignore_case=True)
    for dial in ("#strength", "#detail", "#grain"):
        expect(page.locator(dial)).to_be_disabled()
    check_access(page)

    offer(page, "Remove grain anyway").click()
    expect(page.get_by_role("switch", name="Remove noise")).to_be_checked()
    expect(page.locator("#noise-value")).to_have_text("3 of 255")
    expect(page.locator("#strength")).to_be_enabled()
    page.locator("#more summary").click()
    offer(page, "Sharpen anyway").click()
    expect(page.locator("#plan li")).to_have_count(2)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".tile-state")).to_have_text("Better")
    expect(page.locator("#history li").first).to_contain_text("bring back sharpness")
    check_access(page)

    # A step that was added goes when it is switched off, and may come back.
    page.get_by_role("switch", name="Remove noise").click()
    expect(page.locator("#noise-dial")).to_be_hidden()
    expect(page.locator("#plan li")).to_have_count(1)
    expect(offer(page, "Remove grain anyway")).to_have_count(1)


def test_what_is_not_mended_is_not_called_a_loss(opened, soft):
    page = opened()
    send(page, soft)
    finished(page)
    expect(page.locator("#plan-notes")).to_contain_text("Nothing to do")
    expect(page.locator("#diagnosis-words")).to_have_text(
        "Nothing that has to be mended; blur can stay."
    )
    expect(page.locator(".finding-word")).to_have_text(["can stay"])
    expect(page.locator("#offers")).to_contain_text("times smaller; sharpened is what")


def test_a_photo_that_grows_has_not_become_blurred(opened):
    page = opened()
    send(page, CLEAN)
    finished(page)
    offer(page, "Enlarge twice").click()
    expect(page.get_by_role("radio", name="2×")).to_be_checked()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#photo-facts")).to_contain_text("1200 × 800")
    expect(page.locator("#panel")).not_to_contain_text("Left:")
    expect(page.locator("#diagnosis dt")).to_have_count(0)
    expect(page.locator("#diagnosis-fine")).to_contain_text("blur")
