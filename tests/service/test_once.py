"""Who asks again, who will not wait, and who only asks for the head."""

from __future__ import annotations

import gc
import time
import weakref

import pytest

from tests.photos import noisy, photo_file, scene
from tests.service.running import API, Running, jobs_done, nothing_new, refused, running

SMALL = photo_file(scene(), "PNG")
OTHER = photo_file(noisy(scene(), 30), "PNG")


def send(service: Running, route: str, key: str, data: bytes = SMALL, **fields: str):
    files, headers = {"photo": ("a.png", data)}, {"Idempotency-Key": key}
    return service.client.post(f"{API}/{route}", files=files, data=fields, headers=headers)


def test_a_photo_that_is_sent_again_is_the_same(shared):
    first = send(shared, "photos", "photo-1").json()
    before = shared.files()
    assert send(shared, "photos", "photo-1").json() == first
    nothing_new(shared, before)
    refused(send(shared, "photos", "photo-1", OTHER), 422, "invalid", "another request")
    assert send(shared, "photos", "photo-2").json()["id"] != first["id"]
    shared.client.delete(f"{API}/photos/{first['id']}")
    assert send(shared, "photos", "photo-1").json()["id"] != first["id"]


def test_a_job_that_is_asked_for_again_is_the_same(shared):
    photo, headers = shared.photo(SMALL), {"Idempotency-Key": "job-1"}
    ask = {"wishes": {"scale": 2}}
    jobs = [shared.client.post(f"{photo}/jobs", json=ask, headers=headers) for _ in range(2)]
    assert [job.status_code for job in jobs] == [202, 202]
    assert jobs[0].json()["id"] == jobs[1].json()["id"]
    shared.wait(jobs[0].headers["location"], "done")
    answer = shared.client.post(f"{photo}/jobs", json={}, headers=headers)
    (error,) = refused(answer, 422, "invalid")["errors"]
    assert error["field"] == "Idempotency-Key"


def test_enhance_does_the_work_once(shared):
    before = jobs_done(shared)
    answers = [send(shared, "enhance", "enhance-1", OTHER) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert jobs_done(shared) == before + 1
    refused(send(shared, "enhance", "enhance-1", OTHER, scale="2"), 422, "invalid")


def test_what_failed_may_be_tried_again_with_its_key(shared):
    refused(send(shared, "photos", "photo-3", b"no photo"), 415, "not-a-photo")
    assert send(shared, "photos", "photo-3").status_code == 201


@pytest.mark.parametrize("header", ["respond-async", "wait=0"])
def test_who_will_not_wait_is_told_when_to_come_again(shared, header):
    answer = shared.client.post(
        f"{API}/enhance", files={"photo": ("a.png", SMALL)}, headers={"Prefer": header}
    )
    assert answer.status_code == 202
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert shared.wait(answer.headers["location"])["state"] == "done"


def test_what_would_take_too_long_becomes_a_job(large):
    with running(sync_seconds=0.01, sync_megapixels=1000.0) as service:
        body = {"files": {"photo": ("a.png", large)}, "data": {"scale": "4"}}
        answer = service.client.post(f"{API}/enhance", **body)
        assert answer.status_code == 202
        assert answer.json()["state"] in ("queued", "running")
        assert service.client.delete(answer.headers["location"]).status_code == 204


def test_the_queue_counts_into_the_wait(large):
    with running(sync_megapixels=1000.0, sync_seconds=30.0) as service:
        jobs = service.service.jobs
        photo = service.photo(large)
        first = service.job(photo, scale=4)
        service.wait(first, "running")
        jobs_behind = [jobs.find(service.job(photo, scale=4).rpartition("/")[2]) for _ in range(2)]
        assert jobs.wait(jobs_behind[1]) > jobs_behind[1].seconds_left
        service.client.delete(photo)


def test_head_is_get_without_a_body(shared):
    photo = shared.photo(SMALL)
    job = shared.job(photo)
    shared.wait(job, "done")
    for path in ("/", "/healthz", f"{API}/limits", photo, f"{photo}/view", f"{job}/result"):
        head, get = shared.client.head(path), shared.client.get(path)
        assert (head.status_code, head.content) == (200, b""), path
        for name in ("content-type", "content-length", "content-security-policy"):
            assert head.headers[name] == get.headers[name], path
    assert shared.client.head(f"{API}/photos/never").status_code == 404


def test_the_head_of_events_does_not_wait_for_the_job(shared, large):
    job = shared.job(shared.photo(large), scale=4)
    answer = shared.client.head(f"{job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert shared.client.get(job).json()["state"] in ("queued", "running")
    shared.client.delete(job)


def test_allow_names_every_method_of_a_path(shared):
    photo = shared.photo(SMALL)
    for path, methods in (
        (photo, "GET, DELETE, HEAD"),
        (f"{API}/enhance", "POST"),
        (f"{API}/jobs/archive", "GET, HEAD"),
        ("/", "GET, HEAD"),
    ):
        answer = shared.client.put(path)
        refused(answer, 405, "method")
        assert answer.headers["allow"] == methods


def test_nothing_stays_of_what_was_deleted():
    """A key holds what it made, report and all, only as long as that is there."""
    with running() as service:
        order = {"json": {"wishes": {"scale": 2}}, "headers": {"Idempotency-Key": "job"}}
        photo = send(service, "photos", "photo").headers["location"]
        job = service.client.post(f"{photo}/jobs", **order).headers["location"]
        service.wait(job, "done")
        stores = ((service.service.jobs, job), (service.service.photos, photo))
        left = [weakref.ref(store.find(url.rpartition("/")[2])) for store, url in stores]
        for url in (job, photo):
            assert service.client.delete(url).status_code == 204
        end = time.monotonic() + 60
        while any(one() for one in left):
            assert time.monotonic() < end
            time.sleep(0.1)
            gc.collect()
