"""From outside a cluster: ``ray://``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

pytest.importorskip("ray", reason="needs undegrade[cluster]")
pytest.importorskip("grpc", reason="needs ray[client]")

from tests.cluster.running import SILENT, check_whole, command, fill, rows

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SECONDS = 60


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def address():
    """A head with two cores, and its server for clients."""
    own, client = free_ports(2)
    options = ["--head", "--block", "--num-cpus", "2", "--include-dashboard=false"]
    options += ["--port", str(own), "--ray-client-server-port", str(client)]
    options += ["--object-store-memory", "100000000"]
    start = [sys.executable, "-m", "ray.scripts.scripts", "start", *options]
    # Within this machine no token is needed.
    environment = {**os.environ, **SILENT, "RAY_AUTH_MODE": "disabled"}
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(start, env=environment, stdout=subprocess.DEVNULL) as head,
    ):
        patch.setenv("RAY_AUTH_MODE", "disabled")
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", client), 1).close()
                break
            except OSError:
                time.sleep(0.5)
        yield f"ray://127.0.0.1:{client}"
        head.terminate()


def test_the_driver_is_inside(address, tmp_path):
    keys = fill(tmp_path / "in", 12)
    at = (str(tmp_path / "in"), str(tmp_path / "out"), "--address", address, "--batch", "0.05")
    process = command(*at)
    output, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, said
    assert "13 objects: 12 enhanced, 1 failed" in output
    check_whole(tmp_path / "out", keys, 1)


def test_its_errors_come_out(address, tmp_path):
    process = command(str(tmp_path / "none"), str(tmp_path / "out"), "--address", address)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 3
    assert said.startswith("undegrade: cannot list")
    assert len(said.splitlines()) == 1


def test_ctrl_c_reaches_it(address, tmp_path):
    fill(tmp_path / "in", 40, 0, side=256)
    at = (str(tmp_path / "in"), str(tmp_path / "out"), "--address", address, "--batch", "0.01")
    process = command(*at, "--workers", "1")
    for line in process.stderr:
        if "objects/s" in line and not line.startswith("0 of"):
            process.send_signal(signal.SIGINT)
            break
    output, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    done = len(rows(tmp_path / "out"))
    assert 0 < done < 40
    assert output.startswith(f"{done} objects: ")
