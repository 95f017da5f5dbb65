"""For all readers: the system's colours, larger text, few tab stops, names that differ."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.opening import CAT, CLEAN, check_access, finished, send, tiles, until

GROUND = "(name) => getComputedStyle(document.querySelector(name)).backgroundColor"
SIZES = """() => ['.button', '.photo-name', '.quiet', '#task', '.tile-state'].map(
  (name) => parseFloat(getComputedStyle(document.querySelector(name)).fontSize))"""
STOPS = """() => [...document.querySelectorAll('.tile')].map((tile) =>
  [...tile.querySelectorAll('button')].filter((button) => button.tabIndex >= 0).length)"""
NAMES = """() => [...document.querySelectorAll('#history button')].map(
  (button) => button.getAttribute('aria-label') ?? button.textContent)"""


def test_the_systems_colours_tell_the_same(opened):
    page = opened(forced_colors="active")
    check_access(page)
    send(page, CAT)
    finished(page)
    # What is on differs from what is off, and a bar from its track.
    assert page.evaluate(GROUND, "#metadata") != page.evaluate(GROUND, "#grain")
    assert page.evaluate(GROUND, ".bar-before") != page.evaluate(GROUND, ".bar-track")
    assert page.evaluate(GROUND, ".segment:has(:checked)") != page.evaluate(GROUND, "body")
    check_access(page)


def test_larger_text_makes_all_larger(opened):
    page = opened()
    send(page, CAT)
    finished(page)
    before = page.evaluate(SIZES)
    page.evaluate("document.documentElement.style.fontSize = '150%'")
    assert page.evaluate(SIZES) == [1.5 * size for size in before]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_photo_is_one_tab_stop_and_goes_by_delete(opened):
    page = opened()
    send(page, CAT, CLEAN)
    finished(page, 2)
    assert page.evaluate(STOPS) == [1, 1]
    page.locator(".tile-button").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#photo-name")).to_have_text("coffee-clean.jpg")
    page.keyboard.press("Delete")
    expect(page.locator(".tile-name")).to_have_text(["cat-at-dusk.jpg"])
    expect(page.locator(".tile-button")).to_be_focused()


def test_results_of_one_name_are_told_apart(opened):
    page = opened()
    send(page, CAT, CAT)
    finished(page, 2)
    page.get_by_role("switch", name="Keep camera").click()
    with page.expect_download():
        page.locator("#download").click()
    expect(page.locator("#history li")).to_have_count(3)
    names = page.evaluate(NAMES)
    assert len(set(names)) == len(names) == 6


def test_every_state_is_for_everybody(opened, tmp_path):
    opened.refusals = True
    bad = tmp_path / "notes.jpg"
    bad.write_text("no photo")
    page = opened()
    page.route("**/api/v1/photos", lambda route: None)  # it is being sent, for ever
    send(page, CAT)
    expect(tiles(page, "sending")).to_have_count(1)
    check_access(page)
    # A button that can do nothing does not look as if it could.
    ground = page.evaluate(GROUND, "#download")
    page.locator("#download").hover(force=True)
    assert page.evaluate(GROUND, "#download") == ground
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator(".tile-state")).to_have_text("Cancelled")
    check_access(page)
    page.unroute("**/api/v1/photos")
    page.get_by_role("button", name="Enhance").click()
    finished(page)
    page.locator("#strength").fill("50")
    expect(page.locator("#after-label")).to_have_text("Preview")
    until(page, lambda: page.locator("#after-busy").is_hidden())
    check_access(page)
    send(page, bad)
    expect(tiles(page, "failed")).to_have_count(1)
    check_access(page)
