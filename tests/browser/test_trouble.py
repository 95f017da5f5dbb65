"""What goes wrong after all went well: deleted results, broken sessions, a service that is gone."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.opening import CAT, CLEAN, Opener, finished, has_focus, saved, send, tiles, until
from tests.service.running import running

TOKEN = "sesame-open-the-door"
SESSION = "undegrade.session"
KEEP = f"(kept) => sessionStorage.setItem('{SESSION}', kept)"
KEPT = f"sessionStorage.getItem('{SESSION}')"
PATHS = ["#download", "#download-all", "#history li button[aria-label^=Download]"]


def delete_all(running):
    """Photos and results go, as their time is over."""
    service = running.service
    for photo in list(service.photos._kept):
        service.photos.remove(photo)
    for job in list(service.jobs._kept.values()):
        service.jobs.forget(job)


@pytest.mark.parametrize("button", PATHS, ids=["one", "all", "history"])
def test_a_result_that_has_been_deleted_is_told_and_made_again(opened, service, button, tmp_path):
    opened.refusals = True
    page = opened()
    send(page, CAT, CLEAN)
    finished(page, 2)
    page.wait_for_load_state("networkidle")
    delete_all(service)
    page.evaluate("HTMLAnchorElement.prototype.click = function () { window.saved = this.href }")
    page.locator(button).first.click()
    expect(page.locator("#trouble-title")).to_have_text("It has been deleted from the service")
    expect(tiles(page, "failed")).to_have_count(2 if button == "#download-all" else 1)
    # What the service refuses must not be saved as if it were a photo.
    assert page.evaluate("window.saved") is None
    page.evaluate("delete HTMLAnchorElement.prototype.click")  # as it was, inherited
    while page.locator("#retry").is_visible():
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#trouble")).to_be_hidden()
        finished(page, 2 - tiles(page, "failed").count())
    assert saved(page, "#download", tmp_path).stat().st_size > 10_000


def test_with_a_token_a_deleted_result_is_told_in_words_too(browser):
    with running(token=TOKEN) as closed:
        opener = Opener(browser, closed.url, refusals=True)
        page = opener()
        page.get_by_label("Token", exact=True).fill(TOKEN)
        page.keyboard.press("Enter")
        send(page, CAT, CLEAN)
        finished(page, 2)
        page.wait_for_load_state("networkidle")
        delete_all(closed)
        for button in PATHS:
            page.locator(button).first.click()
            expect(page.locator("#trouble-title")).to_contain_text("has been deleted")
            while page.locator("#discard").is_visible():
                page.get_by_role("button", name="Back").click()
                for tile in tiles(page, "failed").locator(".tile-button").all():
                    tile.click()
        opener.close()


@pytest.mark.parametrize(
    "kept",
    [
        "no JSON",
        "null",
        '{"photo": 1}',
        '[null, 3, "x", {}, {"photo": null, "versions": 7}]',
    ],
)
def test_a_broken_session_does_not_stop_the_start(opened, kept):
    opened.refusals = True
    page = opened()
    expect(page.locator("#promise")).to_contain_text("deleted after")
    page.evaluate(KEEP, kept)
    # The page writes what it holds when something changes; the reload reads what is there.
    page.reload()
    expect(page.locator("#promise")).to_contain_text("deleted after")
    send(page, CAT)
    finished(page)
    until(page, lambda: "versions" in page.evaluate(KEPT))


def test_settings_of_another_version_are_made_sound(opened):
    page = opened()
    send(page, CAT)
    finished(page)
    (kept,) = json.loads(page.evaluate(KEPT))
    kept["settings"] |= {"strength": "much", "skip": {}, "scale": "x", "detail": 0.5}
    kept["versions"].append("unheard of")
    page.evaluate(
        "([key, kept]) => sessionStorage.setItem(key, kept)", [SESSION, json.dumps([kept])]
    )
    page.reload()
    finished(page)
    expect(page.locator("#strength-value")).to_have_text("100 %")
    expect(page.locator("#detail-value")).to_have_text("50 %")
    expect(page.locator("#history li")).to_have_count(1)


def test_a_service_that_does_not_answer_has_deleted_nothing(opened):
    opened.refusals = True
    page = opened()
    send(page, CAT, CLEAN)
    finished(page, 2)
    for count, gone in [(3, "**/api/v1/jobs/*"), (4, "**/api/v1/limits")]:
        page.route(gone, lambda route: route.abort())
        page.reload()
        expect(page.locator("#promise")).to_have_text("The service does not answer.")
        send(page, CAT)  # what comes meanwhile does not push out what was there
        expect(page.locator(".tile")).to_have_count(1)
        page.unroute(gone)
        finished(page, count)  # it is asked again and again
        expect(page.locator("#history li")).to_have_count(count)


def test_the_keyboard_never_loses_its_place(opened, large):
    page = opened()
    send(page, large)
    for name in ("Cancel", "Enhance", "Cancel"):
        button = page.get_by_role("button", name=name, exact=True)
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_be_hidden()
        until(page, lambda: has_focus(page))
    page.locator("#add").focus()
    send(page, CAT)
    finished(page)
    page.get_by_role("switch", name="Keep camera").click()
    # It has to be written anew, and meanwhile the button can do nothing.
    with page.expect_download():
        page.locator("#download").focus()
        page.keyboard.press("Enter")
    expect(page.locator("#history li")).to_have_count(2)
    assert has_focus(page)
    page.locator("#strength").fill("50")
    page.get_by_role("button", name="Apply").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#history li")).to_have_count(3)
    assert has_focus(page)
    for count in (1, 0):
        page.locator(".tile-remove").last.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".tile")).to_have_count(count)
        assert has_focus(page)
