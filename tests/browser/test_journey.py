"""A short journey through the page: a photo in, a better one out, by every way of use."""

from __future__ import annotations

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.browser.opening import (
    CAT,
    EXAMPLES,
    check_access,
    finished,
    saved,
    send,
    until,
)
from tests.photos import psnr

DRAG = """(dial, values) => values.forEach((value) => {
  dial.value = value;
  dial.dispatchEvent(new Event('input', { bubbles: true }));
})"""


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_dropped_photo_comes_back_better(opened, tmp_path):
    page = opened()
    expect(page.get_by_role("heading", name="A bad photo in")).to_be_visible()
    expect(page.locator("#promise")).to_contain_text("deleted after 1 hour")
    check_access(page)
    send(page, CAT)
    finished(page)
    expect(page.locator("#photo-facts")).to_contain_text("451 × 300, JPEG, 131 kB")
    expect(page.locator("#diagnosis-words")).to_have_text(
        "Clear noise and slight JPEG artefacts. Nothing is left to mend."
    )
    expect(page.locator("#diagnosis dt")).to_have_text(["Noise", "Compression"])
    expect(page.locator("#diagnosis-fine")).to_have_text(
        "No blur, darkness, shadows to be lit, fading, colour cast or flat contrast."
    )
    expect(page.locator("#plan li")).to_have_count(1)
    expect(page.locator(".tile-picture img")).to_be_visible()
    expect(page.locator("#status")).to_be_hidden()
    expect(page.locator(".viewport.compares")).to_be_visible()
    check_access(page)

    better = saved(page, "#download", tmp_path)
    assert better.name == "cat-at-dusk-enhanced.jpg"
    truth = pixels(EXAMPLES / "truth" / "cat.png")
    assert psnr(pixels(better), truth) > psnr(pixels(CAT), truth) + 3


def test_dials_show_a_preview_and_are_applied_when_asked(opened):
    page = opened()
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    send(page, CAT)
    finished(page)
    # As a hand drags it, however busy the machine is: only the last one is worth a preview.
    with page.expect_response(lambda response: "/preview" in response.url) as answer:
        page.locator("#strength").evaluate(DRAG, list(range(95, 45, -5)))
        expect(page.locator("#after-label")).to_have_text("Preview")
    assert answer.value.request.post_data_json["wishes"]["strength"] == 0.5
    assert asked.count("preview") <= 2
    assert asked.count("jobs") == 1
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#history li")).to_have_count(2)
    expect(page.locator("#history li").first).to_contain_text("strength 50 %")
    expect(page.locator("#after-label")).to_have_text("After")

    # A result that is there already is shown at once.
    page.locator("#reset").click()
    expect(page.get_by_role("button", name="Apply")).to_be_hidden()
    expect(page.locator("#history li").nth(1).locator(".history-show")).to_have_attribute(
        "aria-current", "true"
    )
    assert asked.count("jobs") == 2


def test_a_preview_asks_for_no_more_pixels_than_it_can_have_in_time(opened):
    page = opened()
    asked = []

    def note(request):
        if request.url.endswith("/preview"):
            asked.append(request.post_data_json)

    page.on("request", note)
    send(page, CAT)
    finished(page)
    for scale, side in [("2×", 256), ("4×", 128)]:
        asked.clear()
        page.get_by_role("radio", name=scale).click()
        until(page, lambda: bool(asked))
        expect(page.locator("#after-label")).to_have_text("Preview")
        assert max(max(part["width"], part["height"]) for part in asked) == side
        until(page, lambda: page.locator("#after-busy").is_hidden())


def test_effort_is_asked_for_and_previews_are_soon(opened):
    page = opened()
    asked = {}

    def note(request):
        if request.method == "POST" and "wishes" in (request.post_data or ""):
            asked[request.url.rpartition("/")[2]] = request.post_data_json["wishes"]["effort"]

    page.on("request", note)
    send(page, CAT)
    finished(page)
    page.get_by_label("Effort").select_option("best")
    until(page, lambda: {"plan", "preview"} <= set(asked))
    assert asked == {"plan": "best", "preview": "fast", "jobs": "normal"}
    page.get_by_label("Effort").select_option("fast")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#history li")).to_have_count(2)
    expect(page.locator("#history li").first).to_contain_text("effort fast")
    assert asked == {"plan": "fast", "preview": "fast", "jobs": "fast"}


def test_detail_of_faces_and_text_is_asked_for_where_there_is_any(opened):
    page = opened()
    send(page, CAT)
    finished(page)
    switch = page.get_by_role("switch", name="Faces and text, too")
    expect(switch).to_be_hidden()
    page.locator("#detail").evaluate(DRAG, [50])
    expect(switch).to_be_visible()
    check_access(page)
    with page.expect_response(lambda response: response.url.endswith("/plan")) as answer:
        switch.click()
    wishes = answer.value.request.post_data_json["wishes"]
    assert (wishes["detail"], wishes["detail_everywhere"]) == (0.5, True)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#history li").first).to_contain_text("detail 50 % everywhere")


def test_a_step_is_switched_off_and_a_size_chosen(opened):
    page = opened()
    send(page, CAT)
    finished(page)
    page.get_by_role("switch", name="Remove noise and artefacts").click()
    expect(page.locator("#plan-notes")).to_contain_text("Nothing to do")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".tile-state")).to_have_text("Fine as it is")
    expect(page.locator("#divider")).to_be_hidden()

    page.get_by_role("radio", name="2×").click()
    expect(page.locator("#plan li")).to_have_count(2)
    expect(page.get_by_role("switch", name="Remove noise and artefacts")).not_to_be_checked()
    expect(page.locator("#plan-notes")).to_contain_text("902 × 600")
    page.get_by_role("switch", name="Enlarge 2 times").click()
    expect(page.get_by_role("radio", name="Same")).to_be_checked()
    page.locator("#task").select_option("sr")
    expect(page.get_by_role("radio", name="4×")).to_be_checked()
    expect(page.get_by_role("radio", name="Same")).to_be_disabled()


def test_one_zooms_and_moves_both_pictures_together(opened):
    page = opened()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    send(page, CAT)
    finished(page)
    view = page.locator("#viewport")
    box = view.bounding_box()
    page.mouse.move(box["x"] + 600, box["y"] + 400)
    page.mouse.wheel(0, -300)
    expect(page.locator("#zoom-fit")).to_have_attribute("aria-pressed", "false")
    page.locator("#zoom-4").click()
    expect(page.locator("#zoom-value")).to_have_text("400 %")
    # Both are shown pixel by pixel.
    page.wait_for_load_state("networkidle")
    for kind in ("photos", "jobs"):
        assert any(f"/{kind}/" in url and "/crop?" in url for url in asked)
    page.mouse.move(box["x"] + 600, box["y"] + 400)
    before = view.screenshot()
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=3)
    page.mouse.up()
    expect(page.locator("#divider")).to_have_attribute("aria-valuenow", "50")
    until(page, lambda: view.screenshot() != before)
    page.locator("#zoom-1").click()
    expect(page.locator("#zoom-value")).to_have_text("100 %")
    view.dblclick(position={"x": 100, "y": 100})
    divider = page.locator("#divider")
    page.locator("#zoom-fit").click()
    page.mouse.move(box["x"] + 50, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60, steps=2)
    page.mouse.up()
    expect(divider).to_have_attribute("aria-valuenow", "25")


def test_the_keyboard_is_enough(opened):
    page = opened()
    choosers = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Choose photos")).to_be_focused()
    page.keyboard.press("Enter")
    until(page, lambda: bool(choosers))
    choosers[0].set_files(CAT)
    finished(page)
    expect(page.locator("#polite")).to_contain_text("cat-at-dusk.jpg: done.")

    # The button has gone, and the keyboard is at the photo.
    view = page.locator("#viewport")
    expect(view).to_be_focused()
    page.keyboard.press("4")
    expect(page.locator("#zoom-value")).to_have_text("400 %")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("0")
    expect(page.locator("#zoom-fit")).to_have_attribute("aria-pressed", "true")

    expect(page.locator(".viewport.compares")).to_be_visible()
    reached = []
    while "apply" not in reached:
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.id || document.activeElement.className")
        reached.append(name)
        assert len(reached) < 40
        if name == "divider":
            page.keyboard.press("ArrowLeft")
            expect(page.locator("#divider")).to_have_attribute("aria-valuenow", "48")
            page.keyboard.press("End")
            expect(page.locator("#divider")).to_have_attribute("aria-valuenow", "100")
        if name == "strength":
            page.keyboard.press("ArrowLeft")
            expect(page.locator("#strength-value")).to_have_text("95 %")
    wanted = ["divider", "hold", "zoom-4", "tile-button", "task", "strength", "apply"]
    places = [reached.index(name) for name in wanted]
    assert places == sorted(places)
    page.keyboard.press("Enter")
    expect(page.locator("#history li")).to_have_count(2)
    expect(view).to_be_focused()
