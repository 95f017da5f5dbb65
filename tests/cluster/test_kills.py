"""2,000 small photos on several nodes of one machine, and kill -9 of everything in the middle."""

from __future__ import annotations

import io
import os
import re
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs undegrade[cluster]")
pytest.importorskip("psutil", reason="needs psutil")

import fsspec
import psutil
from PIL import Image

from tests.cluster.running import SILENT, check_whole, command, fill, rows, uri
from undegrade.cluster import HERE, Cluster, WorkerSettings, run

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

GOOD, CORRUPT = 2000, 20
UNIT = 20
"""Objects: photos of 7 kB pass for 0.01 MP."""
WORKERS, WAITING = 2, 2
MEMORY = {"object_store_memory": 80_000_000}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos") / "in"
    return folder, fill(folder, GOOD, CORRUPT)


@pytest.fixture
def nodes():
    """A cluster of a head without cores and two nodes with one each."""
    from ray.cluster_utils import Cluster as Nodes

    os.environ.update(SILENT)
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, **MEMORY})
    for _ in range(WORKERS):
        nodes.add_node(num_cpus=1, **MEMORY)
    nodes.wait_for_nodes()
    yield nodes
    nodes.shutdown()


def start(folder: Path | str, output: Path | str, nodes):
    options = ("--address", nodes.address, "--batch", str(UNIT / 100))
    return command(str(folder), str(output), *options, "--max-in-flight", str(WAITING))


def wait_until(process, done: int) -> None:
    """Read its progress until so many objects are done."""
    for line in process.stderr:
        found = re.match(r"(\d+) of (\d+) objects", line)
        if found and int(found[1]) >= done:
            return
    pytest.fail(f"ended before {done} objects were done")


def finish(process, code: int = 1) -> str:
    """Its report; 1 tells of the corrupt ones."""
    output, said = process.communicate(timeout=900)
    assert process.returncode == code, said
    return output


def actors() -> list[psutil.Process]:
    """Processes of this cluster that enhance."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "EnhanceUnits" in "".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def told(output: str) -> tuple[int, int]:
    """Objects that were worked on, and those that were done before."""
    done = re.search(r"^(\d+) objects: ", output, re.M)
    skipped = re.search(r"^(\d+) were done before", output, re.M)
    return int(done[1]), int(skipped[1]) if skipped else 0


def test_workers_are_killed(photos, nodes, tmp_path):
    folder, keys = photos
    process = start(folder, tmp_path / "out", nodes)
    for done in (200, 700, 1200):
        wait_until(process, done)
        actors()[0].send_signal(signal.SIGKILL)
    output = finish(process)
    assert told(output) == (GOOD + CORRUPT, 0)
    check_whole(tmp_path / "out", keys, CORRUPT)


def test_a_node_is_killed(photos, nodes, tmp_path):
    folder, keys = photos
    doomed = nodes.add_node(num_cpus=1, **MEMORY)
    nodes.wait_for_nodes()
    process = start(folder, tmp_path / "out", nodes)
    wait_until(process, 400)
    nodes.remove_node(doomed, allow_graceful=False)
    wait_until(process, 600)
    nodes.add_node(num_cpus=1, **MEMORY)
    output = finish(process)
    assert told(output) == (GOOD + CORRUPT, 0)
    check_whole(tmp_path / "out", keys, CORRUPT)


def test_the_driver_is_killed_twice(photos, nodes, tmp_path):
    folder, keys = photos
    made = tmp_path / "out"
    before = 0
    for done in (300, 600):
        process = start(folder, made, nodes)
        wait_until(process, done)
        process.kill()
        process.communicate()
        deadline = time.monotonic() + 240
        while actors() and time.monotonic() < deadline:
            time.sleep(0.5)
        written = {path: path.stat().st_mtime_ns for path in made.rglob("*.png")}
        assert len(written) > before
        before = len(written)
    output = finish(start(folder, made, nodes))
    worked, skipped = told(output)
    assert worked + skipped == GOOD + CORRUPT
    check_whole(made, keys, CORRUPT)
    repeated = sum(path.stat().st_mtime_ns != time for path, time in written.items())
    assert repeated <= WORKERS * WAITING * UNIT


def test_a_worker_and_a_driver_are_killed_over_s3(photos, bucket, nodes):
    folder, keys = photos
    few = keys[:300]
    fs = fsspec.filesystem("s3")
    fs.pipe({f"{bucket}/in/{key}": (folder / key).read_bytes() for key in few})
    at = (f"{bucket}/in", f"{bucket}/out", nodes)
    process = start(*at)
    wait_until(process, 60)
    actors()[0].send_signal(signal.SIGKILL)
    wait_until(process, 120)
    process.kill()
    process.communicate()
    worked, skipped = told(finish(start(*at), 0))
    assert worked + skipped == len(few)
    assert skipped >= 120
    fs.invalidate_cache()
    found = [path.partition("/out/")[2] for path in fs.find(f"{bucket}/out")]
    assert sorted(k for k in found if not k.startswith("_undegrade/manifest/")) == few
    assert sorted(row["output"] for row in rows(f"{bucket}/out")) == sorted(
        f"{bucket}/out/{key}" for key in few
    )
    for data in fs.cat([f"{bucket}/out/{key}" for key in few]).values():
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()


def test_the_results_are_those_of_one_undisturbed_process(photos, nodes, tmp_path):
    folder, _ = photos
    finish(start(folder / "sub", tmp_path / "out", nodes), 0)
    run(uri(folder / "sub"), uri(tmp_path / "here"), WorkerSettings(), Cluster(HERE))
    digests = [
        sorted((row["input"], row["output_sha256"]) for row in rows(tmp_path / name))
        for name in ("out", "here")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == GOOD // 5
