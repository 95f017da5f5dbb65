"""Measure the service: what it adds to the Python call, how it answers while busy, what it takes.

    python benchmarks/service.py [--jobs 500] [--rounds 15] [--json FILE]

A service of its own is started at a free port, and a photo of 3 MP with noise and JPEG artefacts is
sent to it. Python call and request take turns, in processes of one priority, with the same number
of threads; told are the median and the fastest, which other work on the machine disturbs least.
Memory is the resident memory of the service and all of its workers
(Linux). Needs the extra ``web``, and httpx2.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
from cases import noisy_photo
from speed import machine

from undegrade.enhancer import Enhancer
from undegrade.runtime import Networks, cores
from undegrade.service.worker import NICENESS
from undegrade.work import Order, work

API = "/api/v1"
IDLE_SECONDS = 65
"""After this a service has let go of what it keeps for the next request."""


@contextlib.contextmanager
def service() -> Iterator[tuple[int, httpx.Client]]:
    """Process id of a service with one job at a time, and a client for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--workers", "1", "--sync-megapixels", "100"]
    command = [sys.executable, "-m", "undegrade", "serve", *options]
    with (
        subprocess.Popen(command, stderr=subprocess.DEVNULL) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client,
    ):
        try:
            while not ready(client):
                time.sleep(0.05)
            yield process.pid, client
        finally:
            process.terminate()


def ready(client: httpx.Client) -> bool:
    """Whether a worker has started."""
    with contextlib.suppress(httpx.TransportError):
        return client.get("/readyz").status_code == 200
    return False


def memory(pid: int) -> float:
    """Resident megabytes of a process and its children."""
    listed = subprocess.run(
        ["ps", "-o", "rss=", "--pid", str(pid), "--ppid", str(pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    return sum(map(int, listed.stdout.split())) * 1024 / 1e6


def enhance(client: httpx.Client, path: Path) -> float:
    """Seconds of one request."""
    started = time.perf_counter()
    answer = client.post(f"{API}/enhance", files={"photo": (path.name, path.read_bytes())})
    answer.raise_for_status()
    return time.perf_counter() - started


def call(enhancer: Enhancer, path: Path) -> float:
    """Seconds of the same in Python, from the bytes of a file to those of another."""
    started = time.perf_counter()
    work(enhancer, path.read_bytes(), path.name, Order())
    return time.perf_counter() - started


def drop(client: httpx.Client, path: Path) -> float:
    """Seconds from an upload, as the page does it, to the result."""
    started = time.perf_counter()
    photo = client.post(f"{API}/photos", files={"photo": (path.name, path.read_bytes())})
    job = client.post(f"{photo.headers['location']}/jobs", json={}).headers["location"]
    with client.stream("GET", f"{job}/events") as events:
        for _ in events.iter_lines():
            pass
    client.get(f"{job}/result").raise_for_status()
    seconds = time.perf_counter() - started
    client.delete(job)
    client.delete(photo.headers["location"])
    return seconds


def preview(client: httpx.Client, path: Path, rounds: int) -> float:
    """Seconds of a preview of 512 x 512 pixels, the median."""
    photo = client.post(f"{API}/photos", files={"photo": (path.name, path.read_bytes())})
    part = {"x": 1000, "y": 700, "width": 512, "height": 512}
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        client.post(f"{photo.headers['location']}/preview", json=part).raise_for_status()
        seconds.append(time.perf_counter() - started)
    client.delete(photo.headers["location"])
    return statistics.median(seconds[1:])


def health_while_busy(client: httpx.Client, path: Path) -> float:
    """Milliseconds within which 95 of 100 requests for /healthz are answered during jobs."""
    photo = client.post(f"{API}/photos", files={"photo": (path.name, path.read_bytes())})
    place = photo.headers["location"]
    jobs = [client.post(f"{place}/jobs", json={}).json()["id"] for _ in range(3)]
    seconds = []
    while client.get(f"{API}/jobs/{jobs[-1]}").json()["state"] in ("queued", "running"):
        started = time.perf_counter()
        client.get("/healthz")
        seconds.append(time.perf_counter() - started)
        time.sleep(0.02)
    client.delete(place)
    return 1000 * sorted(seconds)[int(0.95 * len(seconds))]


def memory_over(pid: int, client: httpx.Client, path: Path, jobs: int) -> list[float]:
    """Megabytes after each tenth of *jobs* jobs, four at a time."""
    told: list[float] = []
    done = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal done
        while True:
            with lock:
                if done >= jobs:
                    return
                done += 1
                number = done
            drop(client, path)
            if number % max(1, jobs // 10) == 0:
                told.append(memory(pid))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def in_turns(
    enhancer: Enhancer, client: httpx.Client, path: Path, rounds: int
) -> list[tuple[float, float]]:
    """Seconds of a call and a request, again and again, each as often first as the other."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            pairs.append((call(enhancer, path), enhance(client, path)))
        else:
            seconds = enhance(client, path)
            pairs.append((call(enhancer, path), seconds))
    return pairs


def beside(name: str, pairs: list[tuple[float, float]]) -> dict[str, list[float]]:
    """Seconds of calls and requests that took turns."""
    calls, requests = ([pair[side] for pair in pairs] for side in (0, 1))
    return {
        f"{name}, Python call, s": middle_and_least(calls),
        f"{name}, POST /enhance, s": middle_and_least(requests),
    }


def middle_and_least(seconds: list[float]) -> list[float]:
    """Median and minimum."""
    return [round(statistics.median(seconds), 3), round(min(seconds), 3)]


def measure(folder: Path, rounds: int, jobs: int) -> dict[str, Any]:
    """All numbers, by name."""
    photo, large = (
        noisy_photo(folder / f"{width}.jpg", width, height)
        for width, height in ((2000, 1500), (4000, 3000))
    )
    small = noisy_photo(folder / "small.jpg", 500, 400)
    os.nice(NICENESS)  # the Python call must not be ahead of the workers
    enhancer = Enhancer(Networks(threads=cores()))
    with service() as (pid, client):
        idle = memory(pid)
        enhance(client, photo)
        call(enhancer, photo)
        pairs = in_turns(enhancer, client, photo, rounds)
        quick = in_turns(enhancer, client, small, 3 * rounds)
        found: dict[str, Any] = {
            **beside("3 MP", pairs),
            **beside("0.2 MP", quick),
            "3 MP, from drop to result, s": middle_and_least(
                [drop(client, photo) for _ in range(rounds)]
            ),
            "preview of 512 x 512 in 3 MP, s": preview(client, photo, rounds),
            "preview of 512 x 512 in 12 MP, s": preview(client, large, rounds),
            "/healthz while busy, 95 of 100 within, ms": health_while_busy(client, photo),
            "memory at the start, MB": idle,
        }
        if jobs:
            told = memory_over(pid, client, small, jobs)
            found[f"memory over {jobs} jobs of 0.2 MP, MB"] = [round(value) for value in told]
        time.sleep(IDLE_SECONDS)
        found["memory when idle again, MB"] = memory(pid)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if os.getsid(0) != os.getpid():
        # Linux shares processors by session, and each worker has one of its own.
        again = subprocess.run([sys.executable, *sys.argv], start_new_session=True)
        sys.exit(again.returncode)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.rounds, options.jobs)
    print(machine())
    for name, value in found.items():
        print(f"{name:<44}{value if isinstance(value, list) else f'{value:8.2f}'}")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
