"""Files that come and go: dropped, pasted, wrong, cancelled, many, with metadata, with a token."""

from __future__ import annotations

import base64
import io
import zipfile

from PIL import Image
from playwright.sync_api import expect

from tests.browser.opening import (
    CAT,
    CLEAN,
    WEB,
    Opener,
    check_access,
    finished,
    saved,
    send,
    tiles,
    until,
)
from tests.photos import noisy, scene
from tests.service.running import running

HAND_OVER = """([kind, name, text]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type: 'image/jpeg' }));
  const options = { bubbles: true, cancelable: true };
  if (kind === 'paste') {
    document.body.dispatchEvent(new ClipboardEvent('paste', { ...options, clipboardData: data }));
  } else {
    document.body.dispatchEvent(new DragEvent(kind, { ...options, dataTransfer: data }));
  }
}"""


def hand_over(page, kind, path):
    """Drop or paste a file."""
    text = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(HAND_OVER, [kind, path.name, text])


def test_photos_are_dropped_and_pasted(opened):
    page = opened()
    hand_over(page, "dragenter", CAT)
    expect(page.get_by_text("Drop to enhance")).to_be_visible()
    hand_over(page, "drop", CAT)
    expect(page.get_by_text("Drop to enhance")).to_be_hidden()
    hand_over(page, "paste", WEB)
    finished(page, 2)


def test_a_file_that_is_no_photo_is_told_beside_it(opened, tmp_path):
    opened.refusals = True
    page = opened()
    # A name is text, whatever it looks like.
    bad = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    bad.write_text("no photo")
    send(page, bad, CAT)
    finished(page)
    tile = tiles(page, "failed")
    expect(tile).to_contain_text("This is no photo that can be read")
    expect(tile).to_contain_text("<img src=x")
    assert page.locator("img[src=x]").count() == 0
    tile.get_by_role("button").first.click()
    trouble = page.get_by_role("group", name="This is no photo that can be read")
    expect(trouble).to_contain_text(f"Cannot read {bad.name}: it is not a picture")
    expect(trouble).to_contain_text("JPEG, PNG")
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    check_access(page)
    trouble.get_by_role("button", name="Remove").click()
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator("#photo-name")).to_have_text("cat-at-dusk.jpg")


def test_a_file_that_is_too_large_is_not_even_sent(browser, tmp_path):
    with running(max_upload=20_000) as small:
        opener = Opener(browser, small.url)
        page = opener()
        expect(page.locator("#promise")).to_contain_text("deleted")
        send(page, CAT)
        expect(tiles(page, "failed")).to_contain_text("This photo is too large")
        expect(page.locator("#trouble-detail")).to_contain_text("131 kB")
        opener.close()


def test_work_is_cancelled_and_taken_up_again(opened, service, large):
    page = opened()
    send(page, large)
    expect(page.locator("#progress")).to_be_visible()
    expect(tiles(page, "running")).to_have_count(1)
    expect(page.locator("#status-left")).to_contain_text("left")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".tile-state")).to_have_text("Cancelled")
    expect(page.locator("#status")).to_be_hidden()
    until(page, lambda: not service.service.jobs.count("running"))  # the service is told, too
    page.get_by_role("button", name="Enhance").click()
    expect(tiles(page, "running")).to_have_count(1)
    page.get_by_role("button", name="Cancel").click()


def test_all_results_come_as_one_zip(opened, tmp_path):
    page = opened()
    send(page, CAT, CAT, CLEAN)
    finished(page, 3)
    path = saved(page, "#download-all", tmp_path)
    with zipfile.ZipFile(path) as archive:
        names = [
            "cat-at-dusk-enhanced.jpg",
            "cat-at-dusk-enhanced-2.jpg",
            "coffee-clean-enhanced.jpg",
        ]
        assert archive.namelist() == names
        assert archive.read(names[2]) == CLEAN.read_bytes()


def test_a_turned_photo_is_upright_and_its_metadata_go_when_asked(opened, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "Camera"
    photo = tmp_path / "turned.jpg"
    picture = Image.fromarray(noisy(scene(80, 120), 25))
    picture.save(photo, exif=exif, quality=95)
    page = opened()
    send(page, photo)
    finished(page)
    expect(page.locator("#photo-facts")).to_contain_text("80 × 120")
    with Image.open(saved(page, "#download", tmp_path)) as kept:
        assert kept.getexif()[0x010F] == "Camera"
    page.get_by_role("switch", name="Keep camera").click()
    # What is downloaded is what the switch says, though it has to be written anew.
    with Image.open(saved(page, "#download", tmp_path)) as stripped:
        assert 0x010F not in stripped.getexif()


def test_metadata_are_left_out_of_the_zip_too(opened, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    photo = tmp_path / "camera.jpg"
    Image.fromarray(noisy(scene(80, 120), 25)).save(photo, exif=exif, quality=95)
    page = opened()
    send(page, photo, CAT)
    finished(page, 2)
    page.get_by_role("switch", name="Keep camera").click()
    # A dial that has not been applied yet changes nothing of what is saved.
    page.locator("#strength").fill("50")
    path = saved(page, "#download-all", tmp_path)
    with zipfile.ZipFile(path) as archive:
        found = Image.open(io.BytesIO(archive.read("camera-enhanced.jpg"))).getexif()
    assert 0x010F not in found
    expect(page.locator("#strength-value")).to_have_text("50 %")
    expect(page.get_by_role("button", name="Apply")).to_be_visible()
    newest = page.locator("#history li").first
    expect(newest).to_contain_text("without metadata")
    expect(newest).not_to_contain_text("strength")


def test_a_session_outlives_a_reload(opened):
    page = opened()
    send(page, CAT)
    finished(page)
    page.reload()
    finished(page)
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator(".viewport.compares")).to_be_visible()


def test_a_token_is_asked_for_once(browser, tmp_path):
    with running(token="sesame-open-the-door") as closed:
        opener = Opener(browser, closed.url, refusals=True)
        page = opener()
        field = page.get_by_label("Token", exact=True)
        field.fill("not the right one")
        page.keyboard.press("Enter")
        expect(page.get_by_text("does not know this token")).to_be_visible()
        check_access(page)
        field.fill("sesame-open-the-door")
        page.keyboard.press("Enter")
        send(page, CAT)
        finished(page)
        data = saved(page, "#download", tmp_path).read_bytes()
        assert Image.open(io.BytesIO(data)).size == (451, 300)
        opener.close()
