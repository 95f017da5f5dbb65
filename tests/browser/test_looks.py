"""What the page looks like: small and large, light and dark, in motion and at rest."""

from __future__ import annotations

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.opening import (
    CAT,
    EXAMPLES,
    PHONE,
    WEB,
    check_access,
    finished,
    send,
    tiles,
)
from tests.photos import noisy, scene, write_photo

TURN = """() => getComputedStyle(document.querySelector('#after-busy')).animationName"""
FADE = """() => getComputedStyle(document.querySelector('#add')).transitionDuration"""


def pinch(page, x, y):
    """Two fingers part."""
    touch = page.context.new_cdp_session(page)
    for kind, apart in [("touchStart", 30), ("touchMove", 60), ("touchMove", 120)]:
        heights = enumerate((y - apart / 2, y + apart / 2))
        points = [{"x": x, "y": height, "id": number} for number, height in heights]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def luminance(page):
    """Of the page's ground, 0 to 255."""
    red = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return int(red.removeprefix("rgb(").split(",")[0])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_room_for_all_of_it(opened, scheme):
    page = opened(color_scheme=scheme, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    check_access(page)
    send(page, CAT, WEB)
    finished(page, 2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("Download", "Download all 2", "Add photos"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    assert (luminance(page) < 60) == (scheme == "dark")
    check_access(page)
    # Size and task are above the buttons that stay at the bottom.
    task = page.locator("#task").bounding_box()
    assert task["y"] + task["height"] <= page.locator(".panel-foot").bounding_box()["y"]
    page.locator("#history-section").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Download", exact=True)).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, 0)")
    pinch(page, 100, 200)
    expect(page.locator("#zoom-fit")).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("visualViewport.scale") == 1


def test_dark_where_the_system_is_dark(opened):
    page = opened(color_scheme="dark")
    assert luminance(page) < 60
    check_access(page)
    send(page, CAT)
    finished(page)
    check_access(page)


def test_nothing_moves_where_motion_is_not_wanted(opened, large):
    for wish, moves in [("reduce", False), ("no-preference", True)]:
        page = opened(reduced_motion=wish)
        send(page, large)
        expect(tiles(page, "running")).to_have_count(1)
        assert (page.evaluate(TURN) == "turn") == moves
        assert (page.evaluate(FADE) != "0s") == moves
        running = "document.getAnimations().some((each) => each.effect.getTiming().iterations > 1)"
        page.evaluate("document.querySelector('#after-busy').hidden = false")
        assert page.evaluate(running) == moves
        page.get_by_role("button", name="Cancel", exact=True).click()


@pytest.mark.parametrize("width", [120, 900], ids=["narrow", "wide"])
def test_the_divider_stays_within_the_photo(opened, tmp_path, width):
    page = opened()
    send(page, write_photo(tmp_path / "photo.png", noisy(scene(300, width), 25)))
    finished(page)
    expect(page.locator(".viewport.compares")).to_be_visible()
    view = page.locator("#viewport").bounding_box()
    scale = min(view["width"] / width, view["height"] / 300, 3)
    for to, share in [(1, 0), (view["width"] - 1, 100), (view["width"] / 2, 50)]:
        grip = page.locator(".grip").bounding_box()
        x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(view["x"] + to, y, steps=3)
        page.mouse.up()
        expect(page.locator("#divider")).to_have_attribute("aria-valuenow", str(share))
        line = page.locator("#divider").bounding_box()
        middle = view["x"] + view["width"] / 2 + (share / 100 - 0.5) * width * scale
        assert abs(line["x"] + line["width"] / 2 - middle) < 2
        assert abs(line["height"] - 300 * scale) < 2


def test_what_is_shown_is_the_photo_on_both_sides(opened, tmp_path):
    """The canvas itself, against the pixels of the files: grain on the left, none on the right."""
    page = opened()
    send(page, CAT)
    finished(page)
    expect(page.locator(".viewport.compares")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.locator("#viewport").screenshot(path=tmp_path / "view.png")
    with (
        Image.open(tmp_path / "view.png") as view,
        Image.open(EXAMPLES / "truth" / "cat.png") as cat,
    ):
        width, height = view.size
        scale = min(width / cat.width, height / cat.height)
        truth = cat.convert("RGB").resize((round(cat.width * scale), round(cat.height * scale)))
        shown = view.convert("RGB")
    left, top = (width - truth.width) // 2, (height - truth.height) // 2
    errors = []
    for start in (0.1, 0.6):  # away from the labels and the divider
        box = (int(truth.width * start), 100, int(truth.width * (start + 0.3)), truth.height - 100)
        there = shown.crop((box[0] + left, box[1] + top, box[2] + left, box[3] + top))
        pairs = zip(there.tobytes(), truth.crop(box).tobytes(), strict=True)
        errors.append(sum(abs(a - b) for a, b in pairs) / len(there.tobytes()))
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 12
