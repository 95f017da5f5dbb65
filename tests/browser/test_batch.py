"""Many photos: how far all are, what failed, what is missing, folders, and a reload in between."""

from __future__ import annotations

import shutil
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.opening import (
    CAT,
    CLEAN,
    PHONE,
    WEB,
    check_access,
    finished,
    saved,
    send,
    tiles,
    until,
)
from tests.photos import noisy, scene, write_photo

LOOKS = pytest.mark.parametrize("look", [{}, PHONE], ids=["desktop", "phone"])


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("no photo")
    return path


def drop_folder(page, folder):
    """As from a file manager: the browser itself reads the folder."""
    browser = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"type": kind, "x": 200, "y": 200, "data": data}
        browser.send("Input.dispatchDragEvent", place)


@LOOKS
def test_a_batch_is_followed_and_what_failed_comes_first(opened, bad, tmp_path, look):
    opened.refusals = True
    page = opened(**look)
    send(page, CAT, CLEAN, bad, WEB)
    expect(page.locator("#batch-text")).to_contain_text("of 4 done")
    expect(page.locator("#batch-progress")).to_be_visible()
    # Who waits is told how many come before.
    expect(page.locator(".tile-state").last).to_contain_text("before it")
    finished(page, 3)
    expect(page.locator("#batch-progress")).to_be_hidden()
    expect(page.locator("#batch-text")).to_have_text(
        "4 photos: 1 failed, 2 better and 1 fine as before"
    )
    expect(page.locator(".tile").first).to_have_attribute("data-state", "failed")
    expect(page.locator("#retry-failed")).to_be_hidden()  # it would fail again
    check_access(page)
    expect(page.locator("#download-all")).to_have_text("Download 3 of 4")
    with zipfile.ZipFile(saved(page, "#download-all", tmp_path)) as archive:
        assert len(archive.namelist()) == 3
    expect(page.locator("#note")).to_have_text(
        "Not in the ZIP file: notes.jpg (This is no photo that can be read)."
    )
    check_access(page)

    page.get_by_role("button", name="Grid").click()
    expect(page.locator("#viewport")).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(4)
    check_access(page)
    tiles(page, "done").locator(".tile-button").last.click()
    expect(page.locator("#viewport")).to_be_visible()

    page.get_by_role("button", name="Remove all").click()
    check_access(page)
    page.get_by_role("button", name="Back").click()
    expect(page.locator(".tile")).to_have_count(4)
    page.get_by_role("button", name="Remove all").click()
    page.locator("#ask-yes").click()
    expect(page.get_by_role("heading", name="A bad photo in")).to_be_visible()


def test_what_failed_is_tried_again_at_once(opened):
    opened.refusals = True
    page = opened()
    page.route("**/api/v1/photos", lambda route: route.abort())
    send(page, CAT, CLEAN)
    expect(tiles(page, "failed")).to_have_count(2)
    page.unroute("**/api/v1/photos")
    page.get_by_role("button", name="Retry 2 failed").click()
    finished(page, 2)


def test_a_folder_is_dropped(opened, tmp_path):
    folder = tmp_path / "album"
    (folder / "below").mkdir(parents=True)
    shutil.copy(CAT, folder / "cat.jpg")
    shutil.copy(CLEAN, folder / "below" / "coffee.jpg")
    (folder / "list.txt").write_text("no photo")
    (folder / ".hidden.jpg").write_text("no photo")
    page = opened()
    drop_folder(page, folder)
    expect(page.locator(".tile-name")).to_have_text(["coffee.jpg", "cat.jpg"])
    expect(page.locator("#note")).to_contain_text("1 file in the folder")
    finished(page, 2)


def test_a_folder_without_photos_says_so(opened, tmp_path):
    (tmp_path / "empty").mkdir()
    page = opened()
    drop_folder(page, tmp_path / "empty")
    expect(page.locator("#note")).to_have_text("There are no photos in the folder.")


def test_a_reload_keeps_what_is_under_way(opened, tmp_path):
    page = opened()
    send(page, write_photo(tmp_path / "large.png", noisy(scene(500, 700), 20)), CAT)
    expect(tiles(page, "running")).to_have_count(1)

    def session():
        return page.evaluate("sessionStorage.getItem('undegrade.session')")

    # Only what the service has outlives the page: a photo is not there yet while it is looked at.
    until(page, lambda: session().count('"photo":"') == 2)
    begun = session().count('"job":{') + session().count('"job":"')  # under way, or done by now
    assert begun
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.reload()
    finished(page, 2)
    # What was begun is followed, and not begun anew.
    assert asked.count("jobs") <= 2 - begun
    expect(page.locator("#history li")).to_have_count(2)
