"""A service on a port of its own, in a thread of the test's process."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

from undegrade.service.server import Server, make_server
from undegrade.service.settings import Settings
from undegrade.service.state import Service

API = "/api/v1"
TYPE = "application/problem+json"


@dataclass
class Running:
    """A service and a client for it."""

    url: str
    service: Service
    client: httpx.Client
    server: Server

    def send(self, data: bytes, name: str = "photo.png") -> httpx.Response:
        return self.client.post(f"{API}/photos", files={"photo": (name, data)})

    def photo(self, data: bytes, name: str = "photo.png") -> str:
        """Send a photo; its URL."""
        answer = self.send(data, name)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def job(self, photo: str, output: dict[str, Any] | None = None, **wishes: Any) -> str:
        """Start a job; its URL."""
        order = {"wishes": wishes, "output": output or {}}
        answer = self.client.post(f"{photo}/jobs", json=order)
        assert answer.status_code == 202, answer.text
        return answer.headers["location"]

    def wait(self, job: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        """Until the job is in one of *states*; by default until it is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.client.get(job).json()
            if found["state"] in (states or ("done", "failed", "cancelled")):
                return found
            time.sleep(0.02)
        raise AssertionError(f"still {found}")

    def files(self) -> list[str]:
        """Everything in the private folder."""
        return sorted(path.name for path in self.service.folder.path.iterdir())

    def raw(self, *parts: bytes | float) -> bytes:
        """Send bytes, pausing for the floats between; whatever comes back until the end."""
        with socket.create_connection(self.address, timeout=120) as connection:
            with contextlib.suppress(ConnectionError):  # the answer may come before all is sent
                for part in parts:
                    if isinstance(part, float):
                        time.sleep(part)
                    else:
                        connection.sendall(part)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while more := connection.recv(65536):
                    answer += more
            return answer

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)


@contextlib.contextmanager
def running(
    *, early: Callable[[tuple[str, int]], None] | None = None, **settings: Any
) -> Iterator[Running]:
    """A service with one job at a time, and *settings*; *early* is called before it runs."""
    server = make_server(Settings(**{"workers": 1} | settings))
    listening = socket.create_server(("127.0.0.1", 0))
    if early is not None:
        early(listening.getsockname())
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        with httpx.Client(base_url=url, timeout=240) as client:
            yield Running(url, server.service, client, server)
    finally:
        server.should_exit = True
        thread.join(120)
        listening.close()
        assert not thread.is_alive()


@contextlib.contextmanager
def command(
    *arguments: object, limit: str = "", log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """``undegrade serve`` as a process of its own, and its URL; *limit* is for ulimit."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = [sys.executable, "-m", "undegrade", "serve", "--port", str(port), "--workers", "1"]
    line += map(str, arguments)
    if limit:
        line = ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *line]
    with log.open("wb") as stream, subprocess.Popen(line, stderr=stream) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(2000):
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"{url}/healthz").status_code == 200:
                        break
                assert process.poll() is None, log.read_text()
                time.sleep(0.02)
            yield process, url
        finally:
            process.kill()


def refused(answer: httpx.Response, status: int, kind: str, *says: str) -> dict[str, Any]:
    """A refusal is a problem document that says what happened."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == TYPE
    problem = answer.json()
    assert problem["type"] == f"urn:undegrade:problem:{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["instance"] == answer.request.url.path
    for part in says:
        assert part in problem["detail"] + problem.get("hint", ""), problem
    assert not re.search(r"/tmp|/home|Traceback", answer.text)
    return problem


def soon(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def nothing_new(service: Running, before: list[str]) -> None:
    """Wait until all files of the service were there *before*.

    An answer does not wait for the files of its request to be gone, and those of others may go
    meanwhile.
    """
    soon(lambda: set(service.files()) <= set(before))


def jobs_done(service: Running) -> float:
    """How many jobs the service has done."""
    text = service.client.get("/metrics").text
    found = re.search(r'undegrade_jobs_total{state="done"} (\S+)', text)
    return float(found[1]) if found else 0.0


def form(data: bytes, name: str = "a.png", boundary: str = "limit") -> bytes:
    """The body of a form with a photo, made by hand."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="{name}"'
    return f"{head}\r\n\r\n".encode() + data + f"\r\n--{boundary}--\r\n".encode()


def request(length: int | None, *, path: str = f"{API}/photos", chunked: bool = False) -> bytes:
    """The head of an upload, made by hand."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    lines.append("Content-Type: multipart/form-data; boundary=limit")
    lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
