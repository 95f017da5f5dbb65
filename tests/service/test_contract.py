"""The journey that docs/service.md describes, from an upload to the saved result."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile

import numpy as np
from PIL import Image

from tests.photos import DISPLAY_P3, noisy, photo_file, scene
from tests.picture.samples import exif_of
from tests.service.running import API, nothing_new, refused
from undegrade.enhancer import Enhancer
from undegrade.plan import Wishes


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_an_upload_is_diagnosed_and_planned(shared, grainy):
    answer = shared.send(grainy, "cat.png")
    photo = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{API}/photos/{photo['id']}"
    assert len(photo["id"]) == 22
    assert (photo["name"], photo["bytes"]) == ("cat.png", len(grainy))
    assert (photo["width"], photo["height"], photo["format"]) == (160, 120, "PNG")
    assert not photo["diagnosis"]["clean"]
    assert any("noise" in words for words in photo["diagnosis"]["words"])
    step = photo["plan"]["steps"][0]
    assert (step["name"], step["model"]) == ("restore", "restore")
    assert not photo["plan"]["unchanged"]
    assert shared.client.get(answer.headers["location"]).json() == photo


def test_a_view_is_upright_small_and_in_srgb(shared):
    vivid = np.zeros((60, 90, 3), np.uint8)
    vivid[:, :, 1] = 200
    exif = exif_of(orientation=6)
    photo = shared.photo(photo_file(vivid, "JPEG", exif=exif, icc_profile=DISPLAY_P3, quality=95))
    answer = shared.client.get(f"{photo}/view", params={"size": 45})
    assert answer.headers["content-type"] == "image/jpeg"
    shown = pixels(answer.content)
    assert shown.shape == (45, 30, 3)
    # A green of Display P3 lies outside of sRGB: red is clipped at 0, green higher than it was.
    assert shown[:, :, 0].max() < 10
    assert shown[:, :, 1].mean() > 203


def test_a_view_keeps_transparency(shared):
    image = Image.fromarray(scene(40, 50))
    image.putalpha(77)
    out = io.BytesIO()
    image.save(out, "PNG")
    answer = shared.client.get(f"{shared.photo(out.getvalue())}/view")
    assert answer.headers["content-type"] == "image/webp"
    assert abs(int(pixels(answer.content)[5, 5, 3]) - 77) < 3


def test_a_crop_is_the_photo_itself(shared, grainy):
    photo = shared.photo(grainy)
    box = {"x": 30, "y": 20, "width": 50, "height": 40}
    answer = shared.client.get(f"{photo}/crop", params=box)
    assert answer.headers["content-type"] == "image/png"
    assert (pixels(answer.content) == pixels(grainy)[20:60, 30:80]).all()
    answer = shared.client.get(f"{photo}/crop", params=box | {"x": 140})
    assert pixels(answer.content).shape == (40, 20, 3)
    answer = shared.client.get(f"{photo}/crop", params=box | {"x": 160})
    refused(answer, 422, "wishes", "x = 160", "160 x 120")


def test_a_plan_follows_wishes(shared, grainy):
    photo = shared.photo(grainy)
    wishes = {"scale": 2, "strength": 0.5, "skip": ["resharpen"]}
    plan = shared.client.post(f"{photo}/plan", json={"wishes": wishes}).json()
    assert [step["name"] for step in plan["steps"]] == ["restore", "sr"]
    assert (plan["width"], plan["height"]) == (320, 240)
    plan = shared.client.post(f"{photo}/plan", json={"wishes": {"skip": ["restore"]}}).json()
    assert "restore" not in [step["name"] for step in plan["steps"]]


def test_a_preview_is_what_the_job_will_make(shared):
    whole = photo_file(noisy(scene(300, 340), 25), "PNG")
    photo = shared.photo(whole)
    for scale in (1, 2):
        wishes = {"scale": scale, "skip": ["resharpen"]}
        box = {"x": 150, "y": 101, "width": 64, "height": 70}
        answer = shared.client.post(f"{photo}/preview", json={"wishes": wishes} | box)
        assert answer.headers["content-type"] == "image/png"
        job = shared.job(photo, **wishes)
        shared.wait(job, "done")
        scaled = {key: value * scale for key, value in box.items()}
        result = shared.client.get(f"{job}/crop", params=scaled).content
        apart = np.abs(pixels(answer.content).astype(int) - pixels(result))
        assert apart.shape == (70 * scale, 64 * scale, 3)
        assert apart.max() == 0


def test_a_preview_of_a_dark_photo_sees_the_whole_of_it(shared):
    """The network for light knows the whole photo by a thumbnail; the part alone is brighter."""
    ramp = scene(200, 260) * np.linspace(0.02, 0.2, 260)[:, None]
    photo = shared.photo(photo_file(noisy(ramp.astype(np.uint8), 2), "PNG"))
    wishes = {"task": "lowlight"}
    box = {"x": 180, "y": 60, "width": 60, "height": 50}
    answer = shared.client.post(f"{photo}/preview", json={"wishes": wishes} | box)
    assert answer.status_code == 200, answer.text
    job = shared.job(photo, **wishes)
    shared.wait(job, "done")
    result = shared.client.get(f"{job}/crop", params=box).content
    assert np.abs(pixels(answer.content).astype(int) - pixels(result)).max() <= 1


def test_a_job_from_queue_to_result(shared, grainy):
    photo = shared.photo(grainy, "my cat.png")
    job = shared.job(photo, {"format": "webp", "quality": 80, "strip": True}, scale=2)
    with shared.client.stream("GET", f"{job}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [part.splitlines() for part in "".join(answer.iter_text()).split("\n\n") if part]
    assert [name for name, _ in events] == ["event: progress"] * (len(events) - 1) + ["event: end"]
    told = [json.loads(data.removeprefix("data: ")) for _, data in events]
    progress = [event["progress"] for event in told]
    assert progress == sorted(progress)
    done = told[-1]
    assert done == shared.client.get(job).json()
    assert (done["state"], done["progress"], done["seconds_left"]) == ("done", 1.0, None)
    assert done["photo"] == photo.rpartition("/")[2]
    assert (done["report"]["width"], done["report"]["height"]) == (320, 240)
    assert done["name"] == "my cat-enhanced.webp"
    assert done["result"] == f"{job}/result"
    result = shared.client.get(done["result"])
    assert result.headers["content-type"] == "image/webp"
    assert 'filename="my cat-enhanced.webp"' in result.headers["content-disposition"]
    assert "sandbox" in result.headers["content-security-policy"]
    assert len(result.content) == done["bytes"]
    assert pixels(result.content).shape == (240, 320, 3)
    view = shared.client.get(f"{job}/view", params={"size": 100})
    assert pixels(view.content).shape == (75, 100, 3)


def test_jobs_of_one_second_are_told_apart_by_when_they_were_made(shared, grainy):
    photo = shared.photo(grainy, "cat.png")
    jobs = [shared.wait(shared.job(photo), "done") for _ in range(3)]
    made = [job["created"] for job in jobs]
    assert made == sorted(set(made))


def test_an_archive_holds_all_results_under_distinct_names(shared, grainy):
    jobs = [shared.job(shared.photo(grainy, "cat.png")) for _ in range(2)]
    done = [shared.wait(job, "done") for job in jobs]
    ids = ",".join(job["id"] for job in done)
    answer = shared.client.get(f"{API}/jobs/archive", params={"ids": ids})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["cat-enhanced.png", "cat-enhanced-2.png"]
        expected = shared.client.get(f"{jobs[0]}/result").content
        assert archive.read("cat-enhanced.png") == expected
    answer = shared.client.get(f"{API}/jobs/archive", params={"ids": "nothing"})
    refused(answer, 404, "not-found")


def test_enhance_answers_with_what_the_python_call_makes(shared, grainy):
    answer = shared.client.post(
        f"{API}/enhance",
        files={"photo": ("cat.png", grainy)},
        data={"strength": "0.8", "format": "png", "skip": "resharpen,phone"},
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    report = json.loads(answer.headers["undegrade-report"])
    assert report["steps"][0]["name"] == "restore"
    assert any("noise" in words for words in report["found"])
    direct = Enhancer()(grainy, Wishes(strength=0.8, skip=("resharpen", "phone")))
    assert (pixels(answer.content) == direct.array).all()


def test_nothing_of_a_direct_request_stays(shared, grainy):
    before, photos = shared.files(), len(shared.service.photos)
    for route in ("diagnose", "enhance"):
        answer = shared.client.post(f"{API}/{route}", files={"photo": ("a.png", grainy)})
        assert answer.status_code == 200
    nothing_new(shared, before)
    assert len(shared.service.photos) == photos


def test_a_clean_photo_comes_back_bit_for_bit(shared):
    clean = photo_file(scene(100, 120), "JPEG", quality=97, exif=exif_of(gps=True))
    answer = shared.client.post(f"{API}/enhance", files={"photo": ("a.jpg", clean)})
    assert answer.content == clean
    assert json.loads(answer.headers["undegrade-report"])["unchanged"]
    answer = shared.client.post(
        f"{API}/enhance", files={"photo": ("a.jpg", clean)}, data={"strip": "true"}
    )
    assert b"Kamera" in clean
    assert b"Kamera" not in answer.content


def test_who_will_not_wait_gets_a_job(shared, grainy):
    answer = shared.client.post(
        f"{API}/enhance",
        files={"photo": ("a.png", grainy)},
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{API}/jobs/{answer.json()['id']}"
    assert shared.wait(answer.headers["location"])["state"] == "done"


def test_diagnose_says_what_was_lost(shared, grainy):
    answer = shared.client.post(f"{API}/diagnose", files={"photo": ("a.png", grainy)}).json()
    assert set(answer) == {"width", "height", "format", "diagnosis", "plan", "notes"}


def test_what_is_deleted_is_gone(shared, grainy):
    photo = shared.photo(grainy)
    job = shared.job(photo)
    shared.wait(job, "done")
    assert shared.client.delete(photo).status_code == 204
    refused(shared.client.get(photo), 410, "gone")
    assert shared.client.get(job).json()["photo"] is None
    assert shared.client.get(f"{job}/result").status_code == 200
    assert shared.client.delete(job).status_code == 204
    refused(shared.client.get(job), 410, "gone")
    refused(shared.client.delete(job), 410, "gone")
    refused(shared.client.get(f"{API}/jobs/never"), 404, "not-found")


def test_models_and_limits(shared):
    models = shared.client.get(f"{API}/models").json()["models"]
    assert {"restore", "sr-x2", "sr-x4"} <= {model["name"] for model in models}
    limits = shared.client.get(f"{API}/limits").json()
    assert limits["max_upload"] == shared.service.settings.max_upload
    assert "restore" in limits["steps"]
    assert limits["efforts"] == ["fast", "normal", "best"]


def test_health_readiness_and_metrics(shared, grainy):
    shared.photo(grainy)
    assert shared.client.get("/healthz").json() == {"status": "ok"}
    assert shared.client.get("/readyz").json() == {"status": "ready"}
    text = shared.client.get("/metrics").text
    assert 'undegrade_requests_total{method="POST",route="/photos",status="201"}' in text
    assert "undegrade_jobs_running 0.0" in text
    assert "undegrade_workers" in text


def test_who_waits_is_told_how_many_come_before(shared, grainy, monkeypatch):
    turn = asyncio.Semaphore(1)

    async def work(task, begin, progress):
        async with turn:
            begin()
            await asyncio.Event().wait()  # until it is cancelled

    monkeypatch.setattr(shared.service.pool, "work", work)
    photo = shared.photo(grainy)
    jobs = [shared.job(photo) for _ in range(3)]
    shared.wait(jobs[0], "running")
    assert [shared.client.get(job).json()["ahead"] for job in jobs] == [0, 1, 2]
    shared.client.delete(jobs[1])
    assert shared.client.get(jobs[2]).json()["ahead"] == 1
    for job in (jobs[0], jobs[2]):
        shared.client.delete(job)


def test_the_page_or_a_word_in_its_place(shared):
    answer = shared.client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/")
    refused(shared.client.get("/static/nothing.js"), 404, "not-found")
    script = shared.client.get("/static/js/main.js")
    assert script.headers["content-encoding"] == "gzip"
    assert "import" in script.text


def test_openapi_documents_examples_and_errors(shared):
    document = shared.client.get(f"{API}/openapi.json").json()
    operations = {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert len(operations) > 18
    for name, operation in operations.items():
        assert operation["description"], name
        assert {"400", "401", "421", "500"} <= set(operation["responses"]), name
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
        for status, named in (("202", {"Location", "Retry-After"}), ("429", {"Retry-After"})):
            if status in operation["responses"]:
                assert set(operation["responses"][status]["headers"]) == named, name
        protected = "/api/" in name or "/metrics" in name
        assert operation["security"] == ([{"token": []}, {}] if protected else [])
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)
    assert {"send_photo", "start_job", "enhance"} <= set(ids)
    schemas = document["components"]["schemas"]
    assert schemas["Diagnosis"]["properties"]["noise"]["$ref"].endswith("/Finding")
    assert schemas["Plan"]["properties"]["steps"]["items"]["$ref"].endswith("/Step")
    wishes = document["components"]["schemas"]["Wishes"]["properties"]
    assert {"task", "scale", "strength", "detail", "model", "noise", "jpeg"} <= set(wishes)
    assert document["components"]["schemas"]["Plan"]["properties"]["steps"]["examples"]
