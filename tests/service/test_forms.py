"""How a photo and what is wished for it may be sent, and what is said of what does not fit."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.photos import noisy, photo_file, scene
from tests.service.running import API, Running, nothing_new, refused

SMALL = photo_file(scene(), "PNG")


def report(answer) -> dict:
    assert answer.status_code == 200, answer.text
    return json.loads(answer.headers["undegrade-report"])


def enhance(service: Running, data: bytes, fields: list[tuple[str, str]]):
    files = [(name, (None, value.encode())) for name, value in fields]
    return service.client.post(f"{API}/enhance", files=[("photo", ("a.png", data)), *files])


def film() -> bytes:
    """Two frames as GIF, the first of noise, the second flat."""
    first, second = Image.fromarray(noisy(scene(40, 50), 30)), Image.new("RGB", (50, 40), "red")
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=[second])
    return out.getvalue()


def test_a_list_may_be_repeated_or_joined(shared, grainy):
    for fields in ([("skip", "restore"), ("skip", "phone")], [("skip", "restore,phone")]):
        steps = report(enhance(shared, grainy, fields))["steps"]
        assert "restore" not in [step["name"] for step in steps]


def test_what_is_no_list_comes_once(shared):
    answer = enhance(shared, SMALL, [("scale", "2"), ("scale", "4")])
    problem = refused(answer, 422, "invalid", "scale is given more than once")
    assert problem["errors"] == [{"field": "scale", "detail": "is given more than once"}]


@pytest.mark.parametrize("route", ["photos", "diagnose", "enhance"])
def test_unknown_fields_are_refused_everywhere(shared, route):
    files = {"photo": ("a.png", SMALL)}
    before = shared.files()
    answer = shared.client.post(f"{API}/{route}", files=files, data={"framw": "1"})
    (error,) = refused(answer, 422, "invalid")["errors"]
    assert error == {"field": "framw", "detail": "is not known; did you mean 'frame'?"}
    answer = shared.client.post(f"{API}/{route}?colour=1", files=files)
    refused(answer, 422, "invalid", "colour is not known")
    nothing_new(shared, before)


def test_errors_are_told_field_by_field_in_plain_words(shared):
    wishes = {"strength": 9, "scale": "big", "detail": None, "skip": "restore", "colour": 1}
    order = {"wishes": wishes, "output": {"quality": 0, "strip": "perhaps", "format": "gif"}}
    answer = shared.client.post(f"{shared.photo(SMALL)}/jobs", json=order)
    told = {one["field"]: one["detail"] for one in refused(answer, 422, "invalid")["errors"]}
    assert told == {
        "wishes.strength": "must be at most 1.5",
        "wishes.scale": "must be a whole number",
        "wishes.detail": "must be a number",
        "wishes.skip": "must be a list",
        "wishes.colour": "is not known",
        "output.format": "must be 'jpg', 'png', 'webp', 'tif', 'avif' or 'bmp'",
        "output.quality": "must be at least 1",
        "output.strip": "must be true or false",
    }


def test_wishes_that_contradict_each_other_are_told_as_errors_too(shared):
    answer = enhance(shared, SMALL, [("task", "denoise"), ("scale", "4")])
    (error,) = refused(answer, 422, "wishes")["errors"]
    assert "keeps the size" in error["detail"]


def test_what_is_stated_in_vain_is_noted(shared, grainy):
    fields = [("task", "lowlight"), ("noise", "15")]
    notes = report(enhance(shared, grainy, fields))["notes"]
    assert any("noise = 15 has no effect" in note for note in notes)
    assert not report(enhance(shared, grainy, [("noise", "15")]))["notes"]


def test_a_photo_may_be_the_body_itself(shared, grainy):
    form = enhance(shared, grainy, [("strength", "0.5"), ("format", "webp")])
    headers = {"Content-Type": "image/png", "Content-Disposition": 'attachment; filename="x.png"'}
    answer = shared.client.post(
        f"{API}/enhance?strength=0.5&format=webp", content=grainy, headers=headers
    )
    assert answer.status_code == 200, answer.text
    assert answer.content == form.content
    assert 'filename="x-enhanced.webp"' in answer.headers["content-disposition"]
    plain = {"Content-Type": "application/octet-stream"}
    answer = shared.client.post(f"{API}/photos", content=grainy, headers=plain)
    assert (answer.status_code, answer.json()["name"]) == (201, None)
    refused(shared.client.post(f"{API}/photos", content=b"", headers=plain), 415, "not-a-photo")


def test_one_frame_of_an_animation(shared):
    data = film()
    refused(shared.send(data, "a.gif"), 415, "not-a-photo", "animated", "'frame'")
    for frame, red in ((1, False), (2, True)):
        answer = enhance(shared, data, [("frame", str(frame)), ("format", "png")])
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.size == (50, 40)
            assert (np.asarray(image.convert("RGB")) == (255, 0, 0)).all() == red
    answer = enhance(shared, data, [("frame", "3")])
    refused(answer, 422, "wishes", "no frame 3")


def test_a_frame_goes_with_its_photo(shared):
    files = {"photo": ("a.gif", film())}
    photo = shared.client.post(f"{API}/photos", files=files, data={"frame": "2"}).json()
    assert photo["frame"] == 2
    place = f"{API}/photos/{photo['id']}"
    with Image.open(io.BytesIO(shared.client.get(f"{place}/crop").content)) as image:
        assert image.convert("RGB").getpixel((3, 3)) == (255, 0, 0)


def test_every_page_of_a_tiff(shared):
    pages = [Image.fromarray(noisy(scene(40, 50), sigma)) for sigma in (0, 30)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    answer = enhance(shared, out.getvalue(), [])
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.n_frames == 2
    (job,) = [shared.job(shared.photo(out.getvalue(), "a.tif"))]
    assert len(shared.wait(job, "done")["report"]["pages"]) == 2


def test_the_mark_is_left_out_on_request(shared, grainy):
    photo = shared.photo(grainy)
    for mark in (True, False):
        job = shared.wait(shared.job(photo, {"mark": mark}), "done")
        assert (b"undegrade" in shared.client.get(job["result"]).content) == mark
