"""The report of an evaluation in a browser: from disk, with scripts and without."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("vl_convert", reason="needs undegrade[eval]")

from playwright.sync_api import expect

from tests.browser.opening import PATIENCE, check_access
from tests.evaluation.test_report import PROTOCOL, case, row
from undegrade.evaluation.report import write

THREE = (
    row("none", (20.0, 21.0, 22.0)),
    row("ours", (31.0, 32.0, 29.0)),
    row("theirs", (30.0, 30.5, 31.0), seconds_per_megapixel=2.0),
    row("third", (25.0, 26.0, 27.0), seconds_per_megapixel=0.1),
)
ROWS = [
    replace(one, setting=f"sigma {n}", values=tuple(v - n / 5 for v in one.values))
    for one in THREE
    for n in (15, 25)
]


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the report; at the end it must have asked nobody and made no mistake."""
    path = write(ROWS, [case("image0"), case("image1", seed=1)], tmp_path)
    contexts, wrong = [], []

    def open_page(**options):
        contexts.append(browser.new_context(reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda request: wrong.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    asked = [one for one in wrong if one != path.as_uri() and not one.startswith("data:")]
    assert not asked, "\n".join(asked)


def test_the_scatter_is_drawn_anew(opened):
    page = opened()
    figure = page.locator(".by-image")
    said = figure.locator("figcaption")
    expect(said).to_contain_text("sigma 15: ours is better than theirs on 2 of 3 images")
    page.select_option("#protocol-1-setting", label="sigma 25")
    expect(said).to_contain_text("sigma 25: ours is better than theirs on 2 of 3 images")
    page.select_option("#protocol-1-up", label="gain of B over A")
    page.select_option("#protocol-1-b", label="third")
    expect(said).to_contain_text("third is better than theirs on 0 of 3 images")
    label = "gain of third: PSNR (dB) against theirs, a point an image, sigma 25"
    expect(figure.locator(".chart")).to_have_attribute("aria-label", label)
    check_access(page)


def test_points_say_what_they_are_and_lead_to_their_pictures(opened):
    page = opened()
    page.select_option("#protocol-1-setting", label="sigma 25")
    link = page.locator(".by-image svg a").first
    link.focus()
    expect(page.locator("#tip")).to_have_text("image0: theirs 25.00, ours 26.00")
    page.keyboard.press("Enter")
    page.wait_for_url("**#case-*")
    page.locator(".charts .chart [aria-roledescription=point]").first.hover(force=True)
    expect(page.locator("#tip")).to_have_text("input, sigma 15: 21.00\u00a0dB")


def test_pictures_are_compared(opened):
    page = opened()
    page.select_option("#worst-for", "theirs")
    first = page.locator(".case").first
    assert first.locator(".sides select").evaluate_all("all => all.map((one) => one.value)") == [
        "theirs",
        "ours",
    ]
    page.locator("input[name=zoom][value='4']").check(force=True)
    first.locator(".window").first.focus()
    page.keyboard.press("ArrowRight")
    places = first.locator(".window img").evaluate_all("all => all.map((i) => i.style.transform)")
    assert len(set(places)) == 1
    first.locator("input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    slider = first.locator("input[type=range]")
    expect(slider).to_have_attribute("aria-valuetext", "49 % theirs, 51 % ours")


def test_one_panel_at_a_time_and_themes(opened):
    page = opened()
    expect(page.locator(".panel:visible")).to_have_count(1)
    page.click("#theme")
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    check_access(page)


def test_without_scripts_all_is_there(opened):
    page = opened(java_script_enabled=False)
    expect(page.locator(".chart svg")).to_have_count(1 + 2 + 1)
    expect(page.locator(".panel:visible")).to_have_count(2)
    expect(page.locator(".controls:visible")).to_have_count(0)
    assert PROTOCOL.partition(":")[0] in page.locator("#glance").text_content()


def test_a_phone_sees_no_wider_page(opened):
    page = opened(viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert not page.locator("nav details").evaluate("one => one.open")
