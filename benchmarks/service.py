"""Measure the service: what it adds to the Python call, how it answers while busy, what it takes.

    python benchmarks/service.py health            /healthz: idle, among dribbling clients
    python benchmarks/service.py work [--jobs 500] [--rounds 15]
    python benchmarks/service.py photos [--photos 10000] [--clients 4] [--seconds 3600]

each with ``[--json FILE]``. A service of its own is started at a free port.

* ``work``: a photo of 3 MP with noise and JPEG artefacts is sent to it. Python call and request
  take turns, in processes of one priority, with the same number of threads; told are the median
  and the fastest, which other work on the machine disturbs least.
* ``photos``: small photos of many kinds, by the client of ``undegrade enhance --server``. Each has
  to come back once, of the right size, and nothing may stay; it ends with 1 where that is not so.

Memory is the resident memory of the service and all of its workers (Linux). Needs the extra
``web``, and httpx2.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import io
import itertools
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
from cases import noisy_photo
from pages import keep
from PIL import Image

from undegrade.client import Server
from undegrade.enhancer import Enhancer
from undegrade.evaluation.provenance import machine
from undegrade.runtime import Networks, cores
from undegrade.service.settings import Settings
from undegrade.service.worker import NICENESS
from undegrade.work import Order, work

API = "/api/v1"
IDLE_SECONDS = 65
"""After this a service has let go of what it keeps for the next request."""
IDLE_HEALTH_SECONDS = 12.0
DRIBBLE_SECONDS = Settings.stall_seconds + 5
"""Of each kind of dribbling, so that time-outs fall due."""


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


def processor_time(pid: int) -> float:
    """Milliseconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


HEAD = b"HTTP/1.1\r\nHost: 127.0.0.1\r\n"
LONG = b"Content-Length: 60000\r\n\r\n"
DRIBBLES = {
    "a head that never ends": b"GET /healthz " + HEAD + b"X-A: ",
    "an order that never comes": b"POST /api/v1/photos/x/plan " + HEAD + LONG,
    "uploads that trickle": b"POST /api/v1/photos "
    + HEAD
    + b"Content-Type: multipart/form-data; boundary=x\r\n"
    + LONG,
    "refused by name": b"POST /api/v1/photos HTTP/1.1\r\nHost: evil.example\r\n" + LONG,
    "refused by type": b"POST /api/v1/photos " + HEAD + b"Content-Type: text/plain\r\n" + LONG,
}


def dribble(port: int, start: bytes, clients: int, stop: Any) -> None:
    """Clients that send a byte a second, and come again when they are thrown out."""

    async def one() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(start)
                while not stop.is_set():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(1)
                writer.transport.abort()
            await asyncio.sleep(1)

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(clients)))

    asyncio.run(all_of_them())


def answers(port: int, seconds: float, *, anew: bool = False) -> list[float]:
    """Milliseconds of requests for /healthz, sorted; each on a new connection, or all on one."""
    found = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        if anew:
            connection.close()
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"/healthz answered {answer.status}")
        found.append(1000 * (time.perf_counter() - started))
        time.sleep(0.02)
    connection.close()
    return sorted(found)


def measure_health(clients: int = 500) -> dict[str, Any]:
    """How fast /healthz answers when nothing is to be done, and when many clients dribble.

    That is measured from their first connection until those who are slow have been thrown out.
    """
    with service() as (pid, client):
        port = client.base_url.port
        before = processor_time(pid)
        idle = answers(port, IDLE_HEALTH_SECONDS)
        spent = (processor_time(pid) - before) / len(idle)
        found: dict[str, Any] = {
            "/healthz idle, kept alive, processor time, ms": spent,
            "/healthz idle, kept alive, median, ms": statistics.median(idle),
            "/healthz idle, kept alive, 95 of 100 within, ms": idle[int(0.95 * len(idle))],
        }
        for name, start in DRIBBLES.items():
            stop = multiprocessing.Event()
            crowd = multiprocessing.Process(target=dribble, args=(port, start, clients, stop))
            before, started = processor_time(pid), time.monotonic()
            crowd.start()
            try:
                met = answers(port, DRIBBLE_SECONDS, anew=True)
                share = (processor_time(pid) - before) / 1000 / (time.monotonic() - started)
            finally:
                stop.set()
                crowd.join()
            found[f"/healthz, {clients} x {name}, slowest, ms"] = met[-1]
            found[f"/healthz, {clients} x {name}, cores that the service took"] = share
    return found


def small_photos() -> list[tuple[bytes, tuple[int, int]]]:
    """Small photos of many kinds, and their sizes."""
    rng = np.random.default_rng(20)
    made = []
    sizes = [(48, 64), (120, 90), (160, 120), (1, 37), (200, 150)]
    kinds = [("PNG", {}), ("JPEG", {"quality": 40}), ("WEBP", {"quality": 80}), ("TIFF", {})]
    modes = ["RGB", "L", "RGBA"]
    for (width, height), (kind, options), mode, sigma in itertools.product(
        sizes, kinds, modes, (0, 25)
    ):
        rows, columns = np.mgrid[:height, :width]
        # Steps where there is no noise: what is smooth and clean looks blurred.
        waves = np.sin(columns / 9), np.cos(rows / 7)
        across, down = waves if sigma else map(np.sign, waves)
        plane = 120 + 60 * across + 50 * down
        pixels = plane[:, :, None] + rng.normal(0, sigma + 0.01, (height, width, 3))
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert(mode)
        out = io.BytesIO()
        image.convert("RGB" if (kind, mode) == ("JPEG", "RGBA") else mode).save(
            out, kind, **options
        )
        made.append((out.getvalue(), (width, height)))
    return made


def measure_photos(photos: int, clients: int, seconds: float) -> dict[str, Any]:
    """Send so many small photos, *clients* at a time, and see what comes back and what stays."""
    album = small_photos()
    counts: Counter[str] = Counter()
    memories: list[float] = []
    started = time.monotonic()
    with service() as (pid, client):
        server = Server(str(client.base_url))

        def one(number: int) -> None:
            if time.monotonic() - started > seconds:
                counts["not sent"] += 1
                return
            data, size = album[number % len(album)]
            scale = 2 if number % 7 == 0 else 1
            try:
                done = server.enhance(data, scale=scale)
                with Image.open(io.BytesIO(done.data)) as image:
                    fits = image.size == (scale * size[0], scale * size[1])
                counts[done.status if fits else "wrong"] += 1
            except Exception as error:
                counts[f"failed: {error}"] += 1
            if (number + 1) % max(1, photos // 20) == 0:
                memories.append(round(memory(pid)))

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(one, range(photos)))
        spent = time.monotonic() - started
        text = client.get("/metrics").text
        left = [
            line
            for name in ("photos", "stored_bytes", "jobs_running", "jobs_queued")
            for line in text.splitlines()
            if line.startswith(f"undegrade_{name} ") and not line.endswith(" 0.0")
        ]
    lost = photos - counts["enhanced"] - counts["unchanged"] - counts["not sent"]
    growth: dict[str, float] = {}
    if len(memories) >= 10:
        late = statistics.median(memories[-3:])
        name = "memory growth from the fifth part to the end, %"
        growth[name] = 100 * (late / memories[len(memories) // 5] - 1)
    return {
        "photos sent": photos - counts["not sent"],
        "what came of them": dict(counts),
        "lost": lost,
        "left in the service": left,
        "seconds": spent,
        "memory after each twentieth, MB": memories,
        **growth,
    }


def middle_and_least(seconds: list[float]) -> list[float]:
    """Median and minimum."""
    return [round(statistics.median(seconds), 3), round(min(seconds), 3)]


def measure(folder: Path, rounds: int, jobs: int) -> dict[str, Any]:
    """All numbers of ``work``, by name."""
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
    parser.add_argument("part", choices=["health", "work", "photos"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3600, help="after which no more are sent")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.part == "work" and os.getsid(0) != os.getpid():
        # Linux shares processors by session, and each worker has one of its own.
        again = subprocess.run([sys.executable, *sys.argv], start_new_session=True)
        sys.exit(again.returncode)
    if options.part == "health":
        found = measure_health()
    elif options.part == "photos":
        found = measure_photos(options.photos, options.clients, options.seconds)
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder), options.rounds, options.jobs)
    print(machine(), f"load {os.getloadavg()[0]:.1f}", sep=", ")
    for name, value in found.items():
        print(f"{name:<72}{f'{value:8.2f}' if isinstance(value, float) else value}")
    if options.json:
        keep(options.json, {"machine": machine(), **found})
    if found.get("lost") or found.get("left in the service"):
        sys.exit(1)


if __name__ == "__main__":
    main()
