"""``undegrade serve`` as a process: its signals, its folder, its logs, its memory."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.photos import noisy, photo_file, scene
from tests.service.running import API, command, refused
from tests.test_imports import loaded_after

SMALL = photo_file(noisy(scene(), 25), "PNG")


def start(client: httpx.Client, data: bytes, **wishes: object) -> str:
    answer = client.post(f"{API}/photos", files={"photo": ("secret name.png", data)})
    job = client.post(f"{answer.headers['location']}/jobs", json={"wishes": wishes})
    return job.headers["location"]


def wait(client: httpx.Client, job: str, *states: str) -> dict:
    for _ in range(3000):
        found = client.get(job).json()
        if found["state"] in states:
            return found
        time.sleep(0.02)
    raise AssertionError(found)


@pytest.mark.skipif(os.name != "posix", reason="signals are those of Unix")
def test_a_job_survives_sigterm_and_nothing_else_stays(tmp_path):
    """A job of a second or so: the service waits for it for half a minute, however busy it is."""
    log, folder = tmp_path / "log", tmp_path / "photos"
    folder.mkdir()
    with command("--folder", folder, log=log) as (process, url):
        with httpx.Client(base_url=url, timeout=240) as client:
            job = start(client, photo_file(scene(220, 280), "PNG"), scale=4)
            wait(client, job, "running")
            process.send_signal(signal.SIGTERM)
            for _ in range(200):
                answer = client.get("/readyz")
                if answer.status_code == 503:
                    break
                time.sleep(0.01)
            refused(answer, 503, "unready", "about to stop")
            answer = client.post(f"{API}/photos", files={"photo": ("a.png", SMALL)})
            refused(answer, 503, "stopping")
            assert "retry-after" in answer.headers
            # A result that nobody has fetched yet is waited for, too, for some seconds.
            done = wait(client, job, "done", "failed", "cancelled")
            assert done["state"] == "done"
            assert client.get(done["result"]).status_code == 200
        process.wait(20)
    assert not list(folder.iterdir())
    lines = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    assert [line["running"] for line in lines if line["event"] == "stopping"] == [1]
    requests = [line for line in lines if line["event"] == "request"]
    assert {"POST", "GET"} <= {line["method"] for line in requests}
    assert {"/photos", "/photos/{id}/jobs"} <= {line["route"] for line in requests}
    # Neither what a photo is called, nor an id by which it could be had.
    assert "secret" not in log.read_text()
    assert job.rpartition("/")[2] not in log.read_text()


@pytest.mark.skipif(os.name != "posix", reason="signals are those of Unix")
def test_a_restart_in_the_middle_of_a_job_starts_clean(tmp_path, large):
    log, folder = tmp_path / "log", tmp_path / "photos"
    folder.mkdir()
    with command("--folder", folder, log=log) as (process, url):
        with httpx.Client(base_url=url, timeout=240) as client:
            job = start(client, large, scale=4)
            wait(client, job, "running")
        process.kill()
        process.wait()
    (left,) = folder.iterdir()
    assert any(left.iterdir())
    with command("--folder", folder, log=log) as (_, url):
        assert not left.exists()
        refused(httpx.get(url + job), 404, "not-found", "send the photo again")


@pytest.mark.skipif(sys.platform != "linux", reason="limits on files are those of Linux")
def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    """A limit on the size of files stands in: the system refuses to write, as a full disk does."""
    noise = photo_file(noisy(scene(200, 300), 60), "PNG")
    assert len(noise) > 70_000
    with (
        command("--folder", tmp_path, limit="-f 130", log=tmp_path / "log") as (_, url),
        httpx.Client(base_url=url, timeout=240) as client,
    ):
        (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
        answer = client.post(f"{API}/photos", files={"photo": ("a.png", noise * 2)})
        refused(answer, 507, "storage")
        assert [path.name for path in folder.iterdir()] == ["lock"]
        # The upload fits, the result does not.
        job = start(client, SMALL, task="sr", scale=4)
        failed = wait(client, job, "done", "failed")
        assert failed["state"] == "failed", failed
        assert failed["problem"]["status"] == 507
        assert len(list(folder.iterdir())) == 2
        assert client.get("/healthz").status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_idle_memory_is_below_250_megabytes(tmp_path):
    with command("--folder", tmp_path, log=tmp_path / "log") as (process, url):
        with httpx.Client(base_url=url, timeout=240) as client:
            wait(client, start(client, SMALL, scale=2), "done")
        children = subprocess.run(
            ["ps", "-o", "rss=", "--pid", str(process.pid), "--ppid", str(process.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
    total = sum(map(int, children.stdout.split())) * 1024
    assert 50e6 < total < 250e6


def test_an_open_door_is_told(tmp_path):
    log = tmp_path / "log"
    with command("--host", "0.0.0.0", log=log):
        pass
    assert "warning: everybody who can reach 0.0.0.0" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--keep", "soon"), "'soon' is no time"),
        (("--max-upload", "much"), "'much' is no size"),
        (("--token-file", "/nowhere"), "cannot read the token file"),
        (("--folder", "/nowhere"), "'/nowhere' is no folder"),
    ],
)
def test_wrong_use_is_one_line(arguments, says):
    done = subprocess.run(
        [sys.executable, "-m", "undegrade", "serve", *arguments], capture_output=True, text=True
    )
    assert done.returncode in (2, 3, 4)
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_a_taken_port_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = [sys.executable, "-m", "undegrade", "serve", "--port", port]
        done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"cannot listen at 127.0.0.1, port {port}" in done.stderr


def test_every_line_of_the_log_is_json_whoever_writes_it():
    """And of libraries' lines nothing is told that was filled in: clients may have sent it."""
    code = (
        "import logging, warnings; from undegrade.service.watch import set_up_logs; set_up_logs();"
        "logging.getLogger('python_multipart').warning('found %r', 'secret');"
        "logging.getLogger('some.library').info('chatter');"
        "warnings.warn('an old call');"
        "logging.getLogger('undegrade.service').info('%s', 'ours', extra={'pid': 1})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "warning", "info"]
    assert (lines[0]["event"], lines[0]["library"]) == ("found %r", "python_multipart")
    assert "an old call" in lines[1]["event"]
    assert (lines[2]["event"], lines[2]["pid"]) == ("ours", 1)


@pytest.mark.skipif(os.name != "posix", reason="terminals are those of Unix")
def test_on_a_terminal_it_talks_to_people_and_opens_the_page(tmp_path, monkeypatch):
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    ours, theirs = os.openpty()
    with command("--open", log=Path(os.ttyname(theirs))) as (_, url):
        refused(httpx.post(f"{url}{API}/photos", data={"no": "photo"}), 415, "not-a-photo")
        for _ in range(3000):
            if opened.exists():
                break
            time.sleep(0.02)
        said = b""
        # A busy service answers before it has said so.
        while b"415" not in said and select.select([ours], [], [], 60)[0]:
            said += os.read(ours, 65536)
    assert opened.read_text() == f"{url}/\n"
    os.close(theirs)
    with suppress(OSError):  # how the end of what was said on a terminal is told
        while part := os.read(ours, 65536):
            said += part
    first, *lines = said.decode().splitlines()
    assert first == f"undegrade: {url}/ (Ctrl-C to stop)"
    assert any(re.fullmatch(r"[\d:]{8}  POST /photos: 415, [\d.]+ s", line) for line in lines)
    assert not [line for line in lines if "{" in line or "/healthz" in line]
    os.close(ours)


def test_the_service_leaves_networks_to_workers_and_workers_leave_the_web_to_it():
    service = loaded_after("from undegrade.service import create_app; create_app()")
    assert not service & {"onnxruntime", "torch", "undegrade.service.workbench"}
    worker = loaded_after("import undegrade.service.worker, undegrade.service.workbench")
    assert not worker & {"fastapi", "starlette", "uvicorn", "pydantic", "torch"}
