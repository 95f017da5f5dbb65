"""Compare and change: held, side by side, full screen, undo, keys, copy and share, on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.opening import CAT, CLEAN, PHONE, check_access, finished, send, until

LOOKS = pytest.mark.parametrize("look", [{}, PHONE], ids=["desktop", "phone"])
ABOVE = """([above, below]) => {
  const [a, b] = [above, below].map((id) => document.querySelector(id).getBoundingClientRect());
  return a.top >= 0 && a.bottom <= Math.min(b.bottom, innerHeight);
}"""
SHARING = """
  navigator.canShare = () => true;
  navigator.share = async ({ files }) => { window.shared = files[0].name; };
"""
COPYING = """
  navigator.clipboard.write = async ([item]) => {
    window.copied = await item.getType('image/png');
  };
"""


@LOOKS
def test_pictures_are_compared_in_every_way(opened, look):
    page = opened(**look)
    send(page, CAT)
    finished(page)
    view = page.locator("#viewport")
    expect(page.locator(".viewport.compares")).to_be_visible()
    page.wait_for_load_state("networkidle")
    both = view.screenshot()

    # Held by a finger or a mouse: what it was before, and nothing else.
    hold = page.get_by_role("button", name="Hold to see the original")
    box = hold.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    expect(page.locator(".viewport.is-held")).to_be_visible()
    expect(page.locator("#divider")).to_be_hidden()
    page.mouse.up()
    expect(page.locator(".viewport.is-held")).to_have_count(0)

    side = page.get_by_role("button", name="Side by side")
    side.click()
    expect(side).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".viewport.is-side")).to_be_visible()
    expect(page.locator("#divider")).to_be_hidden()
    until(page, lambda: view.screenshot() != both)
    check_access(page)
    side.click()
    expect(page.locator("#divider")).to_be_visible()

    full = page.get_by_role("button", name="Full screen")
    full.click()
    until(page, lambda: view.bounding_box()["width"] == page.evaluate("innerWidth"))
    until(page, lambda: view.bounding_box()["height"] == page.evaluate("innerHeight"))
    check_access(page)
    full.click()
    expect(page.locator("#panel")).to_be_in_viewport()


def test_the_zoom_stays_from_photo_to_photo(opened):
    page = opened()
    send(page, CAT, CLEAN)
    finished(page, 2)
    page.locator("#zoom-4").click()
    page.locator(".tile-button").last.click()
    expect(page.locator("#photo-name")).to_have_text("coffee-clean.jpg")
    expect(page.locator("#zoom-value")).to_have_text("400 %")
    page.locator("#zoom-fit").click()
    page.locator(".tile-button").first.click()
    expect(page.locator("#zoom-fit")).to_have_attribute("aria-pressed", "true")


def test_a_phone_keeps_the_photo_in_sight(opened):
    page = opened(**PHONE)
    send(page, CAT)
    finished(page)
    # Size and task come without scrolling.
    for name in ("#scales", "#task"):
        assert page.evaluate(ABOVE, [name, ".panel-foot"])
    strength = page.locator("#strength")
    strength.scroll_into_view_if_needed()
    expect(page.locator("#viewport")).to_be_in_viewport(ratio=1)
    strength.fill("50")
    expect(page.locator("#after-label")).to_have_text("Preview")
    expect(page.locator("#viewport")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#progress")).to_be_in_viewport(ratio=1)
    expect(page.locator("#history li")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_steps_combine_and_changes_are_taken_back(opened):
    page = opened()
    send(page, CAT)
    finished(page)
    page.locator("#task").select_option("denoise")
    page.locator("#more summary").click()
    page.get_by_role("button", name="Mend colours").click()
    expect(page.locator("#plan li")).to_have_count(2)
    expect(page.get_by_role("switch", name="Mend colours and contrast")).to_be_enabled()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#plan li")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(page.locator("#task")).to_have_value("auto")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.keyboard.press("Control+y")
    page.get_by_role("button", name="Redo").click()
    expect(page.locator("#plan li")).to_have_count(2)
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    # A dial that is dragged is one change.
    for value in ("90", "80", "70"):
        page.locator("#strength").fill(value)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#strength-value")).to_have_text("100 %")


def test_keys_are_explained_and_work(opened):
    page = opened()
    page.keyboard.press("?")
    help = page.get_by_role("dialog", name="Keys")
    expect(help).to_be_visible()
    check_access(page)
    page.keyboard.press("Escape")
    send(page, CAT, CLEAN)
    finished(page, 2)
    view = page.locator("#viewport")
    view.focus()
    page.keyboard.press("s")
    expect(page.locator("#side")).to_have_attribute("aria-pressed", "true")
    page.keyboard.down("b")
    expect(page.locator("#hold")).to_have_attribute("aria-pressed", "true")
    page.keyboard.up("b")
    expect(page.locator("#hold")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("n")
    expect(page.locator("#photo-name")).to_have_text("coffee-clean.jpg")
    page.keyboard.press("p")
    expect(page.locator("#photo-name")).to_have_text("cat-at-dusk.jpg")
    page.keyboard.press("g")
    expect(view).to_be_hidden()
    page.locator(".tile-button").first.focus()
    page.keyboard.press("g")
    expect(view).to_be_visible()
    page.keyboard.press("f")
    expect(page.locator("body.is-full")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("body.is-full")).to_have_count(0)
    # Letters are for the photo alone: they must not act where something is chosen.
    page.locator("#task").focus()
    page.keyboard.press("g")
    expect(view).to_be_visible()


def test_a_result_is_copied_and_shared(opened):
    page = opened()
    page.context.add_init_script(SHARING + COPYING)
    page.reload()
    expect(page.locator("#promise")).to_contain_text("deleted after")
    send(page, CAT)
    finished(page)
    page.get_by_role("button", name="Copy the result").click()
    expect(page.locator("#note")).to_have_text("The result is in the clipboard.")
    assert page.evaluate("createImageBitmap(window.copied).then(({ width }) => width)") == 451
    page.get_by_role("button", name="Share the result").click()
    until(page, lambda: page.evaluate("window.shared") == "cat-at-dusk-enhanced.jpg")
