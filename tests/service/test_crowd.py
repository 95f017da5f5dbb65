"""Many clients at once: nobody is told anything but to come again, and nothing piles up."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.photos import noisy, photo_file, scene
from tests.service.running import API, command, running, soon
from undegrade.service.state import Service


def photos() -> list[bytes]:
    """Clean and noisy, small and less small, of several formats."""
    grainy = noisy(scene(150, 200), 25)
    return [
        photo_file(scene(60, 80), "PNG"),
        photo_file(scene(90, 120), "JPEG", quality=30),
        photo_file(grainy, "WEBP", quality=90),
        photo_file(grainy[:, :, 0:1], "TIFF"),
        b"this is no photo",
    ]


def visit(url: str, album: list[bytes], seed: int, rounds: int) -> list[int]:
    """What one client does, over and over; the statuses that it met."""
    rng = random.Random(seed)
    met = []
    with httpx.Client(base_url=url, timeout=120) as client:
        while rounds:
            data = rng.choice(album)
            route = rng.choice(["photos", "diagnose", "enhance"])
            answer = client.post(f"{API}/{route}", files={"photo": ("a.png", data)})
            met.append(answer.status_code)
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) > 0
                time.sleep(rng.uniform(0.1, 0.5))
                continue
            rounds -= 1
            if answer.status_code == 201:
                client.delete(answer.headers["location"])
    return met


def crowd(url: str, clients: int, rounds: int) -> tuple[list[int], list[float]]:
    """Every status that *clients* met, and the seconds that /healthz took meanwhile."""
    album, waits, over = photos(), [], threading.Event()

    def watch() -> None:
        with httpx.Client(base_url=url, timeout=120) as client:
            while not over.is_set():
                started = time.perf_counter()
                assert client.get("/healthz").status_code == 200
                waits.append(time.perf_counter() - started)
                time.sleep(0.02)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with ThreadPoolExecutor(clients) as pool:
            visits = [pool.submit(visit, url, album, seed, rounds) for seed in range(clients)]
            met = [status for visit in visits for status in visit.result()]
    finally:
        over.set()
        watching.join()
    return met, sorted(waits)


def settled(service: Service) -> bool:
    """Whether nothing is left of anybody."""
    left = len(service.photos), service.folder.stored, service.jobs.count("running")
    return left == (0, 0, 0)


def test_a_dozen_clients():
    with running(queue=4) as service:
        met, waits = crowd(service.url, 12, 1)
        assert set(met) <= {200, 201, 415, 429}
        assert met.count(200) > 0
        assert waits
        soon(lambda: settled(service.service))  # an answer does not wait for its files to go


@pytest.mark.slow
def test_fifty_clients(tmp_path):
    """In a process of its own: fifty clients in the service's would hold up its answers."""
    with command("--folder", tmp_path, log=tmp_path / "log") as (_, url):
        met, waits = crowd(url, 50, 4)
        assert set(met) <= {200, 201, 415, 429}
        assert len([status for status in met if status != 429]) == 200
        assert waits[int(0.95 * len(waits))] < 0.1
        counts = httpx.get(f"{url}/metrics").text
        for name in ("photos", "stored_bytes", "jobs_running", "jobs_queued"):
            assert f"undegrade_{name} 0.0" in counts


def test_many_small_photos_of_every_kind(tmp_path):
    """The benchmark of ten thousand, with a few: each comes back once, and nothing stays."""
    script, told = Path(__file__).parents[2] / "benchmarks" / "service.py", tmp_path / "told.json"
    line = [sys.executable, script, "photos", "--photos", "30", "--json", told]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(told.read_text())
    assert (found["photos sent"], found["lost"]) == (30, 0)
    assert set(found["what came of them"]) == {"enhanced", "unchanged"}
