"""Every limit, met with a problem that says what to do."""

from __future__ import annotations

import struct
import time

import pytest

from tests.photos import photo_file, scene
from tests.picture.samples import png_chunk
from tests.service.running import API, nothing_new, refused, running, soon
from undegrade.errors import InputError, UsageError
from undegrade.service.settings import Settings, read_token, seconds, size

SMALL = photo_file(scene(), "PNG")


def huge_png(width: int, height: int) -> bytes:
    """A file of a hundred bytes that says it has width * height pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + png_chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01")
        + png_chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"hello", "not a picture"), (b"", "empty"), (SMALL[: len(SMALL) // 2], "damaged")],
    ids=["text", "nothing", "half"],
)
def test_no_photo(shared, data, says):
    before = shared.files()
    refused(shared.send(data), 415, "not-a-photo", says)
    nothing_new(shared, before)


def test_no_form(shared):
    answer = shared.client.post(f"{API}/photos", content=SMALL)
    refused(answer, 415, "not-a-photo", "multipart")
    answer = shared.client.post(f"{API}/photos", files={"image": ("a.png", SMALL)})
    refused(answer, 400, "bad-request", "photo")
    twice = [("photo", ("a.png", SMALL)), ("photo", ("b.png", SMALL))]
    refused(shared.client.post(f"{API}/photos", files=twice), 400, "bad-request", "more than one")


def test_a_decompression_bomb_is_refused_from_its_header(shared):
    started = time.monotonic()
    refused(shared.send(huge_png(60_000, 60_000)), 413, "too-large", "3600.0 megapixels")
    assert time.monotonic() - started < 5


def test_a_line_of_forty_megapixels_in_a_few_bytes_is_refused_before_it_is_made(shared):
    refused(shared.send(huge_png(1, 40_000_000)), 415, "not-a-photo", "cut off")


@pytest.mark.parametrize(
    ("wishes", "kind", "says"),
    [
        ({"task": "denoise", "scale": 4}, "wishes", "keeps the size"),
        ({"task": "paint"}, "invalid", "task must be one of: auto"),
        ({"scale": 3}, "invalid", "scale must be one of: 1, 2, 4"),
        ({"strength": 9}, "invalid", "strength"),
        ({"strenght": 1}, "invalid", "strenght"),
        ({"model": "nothing"}, "wishes", "nothing"),
        ({"model": "/etc/passwd.onnx"}, "wishes", "no model"),
        ({"model": "../restore.onnx"}, "wishes", "no model"),
    ],
)
def test_wishes_that_cannot_be(shared, wishes, kind, says):
    photo = shared.photo(SMALL)
    for route in ("plan", "jobs"):
        answer = shared.client.post(f"{photo}/{route}", json={"wishes": wishes})
        refused(answer, 422, kind, says)
    fields = {name: str(value) for name, value in wishes.items()}
    answer = shared.client.post(f"{API}/enhance", files={"photo": ("a.png", SMALL)}, data=fields)
    refused(answer, 422, kind, says)


def test_bodies_that_are_no_order(shared):
    photo = shared.photo(SMALL)
    answer = shared.client.post(f"{photo}/plan", content=b"{", headers={"content-type": "a/json"})
    assert answer.status_code == 422
    header = {"content-type": "application/json"}
    refused(shared.client.post(f"{photo}/plan", content=b"{", headers=header), 400, "bad-request")
    answer = shared.client.post(f"{photo}/plan", content=b" " * 70_000, headers=header)
    refused(answer, 413, "too-large", "65536")
    part = {"x": 0, "y": 0, "width": 513, "height": 1}
    refused(shared.client.post(f"{photo}/preview", json=part), 422, "invalid", "width", "512")


def test_unknown_routes_and_methods_are_problems_too(shared):
    refused(shared.client.get("/nothing"), 404, "not-found")
    refused(shared.client.put(f"{API}/models"), 405, "method")


def test_a_result_that_is_not_there_yet(shared, large):
    job = shared.job(shared.photo(large), scale=4)
    refused(shared.client.get(f"{job}/result"), 409, "not-ready")
    assert shared.client.delete(job).status_code == 204


def test_upload_and_pixels_and_memory():
    with running(max_upload=20_000, max_megapixels=0.01, max_memory=1) as service:
        big = photo_file(scene(300, 300), "BMP")
        refused(service.send(big), 413, "too-large", "0.02 MB")
        refused(service.send(photo_file(scene(101, 100), "PNG")), 413, "too-large", "100 x 101")
        photo = service.photo(SMALL)
        answer = service.client.post(f"{photo}/jobs", json={"wishes": {"scale": 2}})
        refused(answer, 413, "too-large", "MB of memory", "smaller scale")
        assert service.client.get(f"{photo}").status_code == 200


def test_a_full_queue_says_when_to_come_again(large):
    with running(queue=1) as service:
        photo = service.photo(large)
        first = service.job(photo, scale=4)
        service.wait(first, "running")
        second = service.job(photo, scale=4)
        answer = service.client.post(f"{photo}/jobs", json={"wishes": {"scale": 4}})
        refused(answer, 429, "busy", "1 jobs wait")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        # Waiting jobs hold nobody up: an upload is still looked at.
        assert service.send(SMALL).status_code == 201
        assert service.client.delete(second).status_code == 204
        third = service.job(photo)
        # With the photo, all of its unfinished jobs go.
        assert service.client.delete(photo).status_code == 204
        states = {service.client.get(job).json()["state"] for job in (first, third)}
        assert states == {"cancelled"}


def test_a_job_that_takes_too_long_is_stopped(large):
    with running(job_seconds=0.3) as service:
        photo = service.photo(large)
        job = service.wait(service.job(photo, scale=4), "failed")
        assert job["problem"]["type"].endswith(":time")
        assert "0.3 seconds" in job["problem"]["detail"]
        assert service.send(SMALL).status_code == 201


def test_what_is_kept_has_an_end():
    with running(keep=1000.0) as service:
        photo = service.photo(SMALL)
        job = service.job(photo)
        service.wait(job, "done")
        assert len(service.files()) == 3
        # As if half an hour had gone by.
        service.service.photos.find(photo.rpartition("/")[2]).created -= 1800
        ended = service.service.jobs.find(job.rpartition("/")[2])
        ended.ended -= 1800
        soon(lambda: service.client.get(photo).status_code == 410)
        soon(lambda: service.client.get(job).status_code == 410)
        refused(service.client.get(photo), 410, "gone")
        refused(service.client.get(job), 410, "gone")
        assert service.files() == ["lock"]
        assert service.service.folder.stored == 0
        folder = service.service.folder.path
        service.photo(SMALL)
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_a_full_store_takes_nothing_more():
    with running(max_stored=len(SMALL) + 1000) as service:
        photo = service.photo(SMALL)
        refused(service.send(SMALL), 507, "storage")
        assert len(service.files()) == 2
        refused(service.client.post(f"{photo}/jobs", json={}), 507, "storage")


def test_settings_refuse_what_cannot_be(tmp_path):
    for wrong in ({"workers": 0}, {"keep": 0}, {"max_megapixels": float("inf")}, {"token": "abc"}):
        with pytest.raises(UsageError):
            Settings(**wrong)
    assert [seconds(text) for text in ("90", "90s", "1.5m", "1h", "2d")] == [
        *(90, 90, 90, 3600),
        2 * 86400,
    ]
    assert [size(text) for text in ("500", "5k", "64M", "2G")] == [500, 5000, 64_000_000, 2 * 10**9]
    for wrong in ("", "x", "1x", "h"):
        with pytest.raises(UsageError):
            seconds(wrong)
        with pytest.raises(UsageError):
            size(wrong)
    file = tmp_path / "token"
    for text, says in ((None, "cannot read"), ("", "empty")):
        if text is not None:
            file.write_text(text)
            file.chmod(0o600)
        with pytest.raises(InputError, match=says):
            read_token(file)
    file.write_text("0123456789abcdef\n")
    assert read_token(file) == "0123456789abcdef"
    file.chmod(0o644)
    with pytest.raises(InputError, match="everybody"):
        read_token(file)
