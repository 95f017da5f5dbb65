"""Measure the cluster command: efficiency, memory, restarts, sizing; and simulate more machines.

    python benchmarks/cluster.py [--only PART ...] [--rounds 3] [--json FILE] [--write]

efficiency  one worker and two take turns; the rate between the first and the last object, and,
            which other work on the machine disturbs less: the CPU time of an object with one, over
            that with two and what Ray adds; and the part of their time that workers are at work.
memory      the driver's peak for 1,000 to 100,000 objects, with workers that do nothing.
restart     kill -9 of the driver in the middle: objects done again by the next run.
sizing      CPU time and peak memory of a worker on photos of 12 MP.
simulation  8, 64 and 512 workers, with what sizing measured (`cluster_simulation.py`).

Needs the extra ``cluster`` and psutil, and Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from cases import noisy_photo, run_python
from cluster_simulation import Network, Work, simulate
from pages import renew, stored

from undegrade.evaluation.provenance import machine

RESULTS = Path(__file__).parent / "results" / "cluster.json"
OBJECT_STORE = 200_000_000


DOCS = Path(__file__).parents[1] / "docs" / "scale.md"
MILLION = 1_000_000
CORE_HOUR = 0.04
"""Dollars; an assumption, the default of ``--cost-per-core-hour``."""
REQUESTS = (2 * 0.0004 + 0.0004 + 0.005) / 1000
"""Dollars an object: two HEAD, a GET and a PUT of Amazon S3 at list price."""


@contextmanager
def small_ray(cpus: int) -> Iterator[None]:
    """A Ray of this machine."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_BACKEND_LOG_LEVEL="fatal")
    import ray

    options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False}
    ray.init(address="local", num_cpus=cpus, object_store_memory=OBJECT_STORE, **options)
    try:
        yield
    finally:
        ray.shutdown()


def actors() -> list[Any]:
    """Processes of this one's Ray that enhance."""
    import psutil

    found = psutil.Process().children(recursive=True)
    return [process for process in found if "EnhanceUnits" in "".join(process.cmdline())]


def cpu_seconds() -> tuple[dict[int, float], dict[int, float]]:
    """CPU seconds by process: the workers', and those of the driver and the rest of Ray."""
    import psutil

    own = psutil.Process()
    working = {process.pid for process in actors()}
    taken: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for process in [own, *own.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            taken[process.pid not in working][process.pid] = sum(process.cpu_times()[:2])
    return taken


def grown(looks: Sequence[dict[int, float]]) -> float:
    """CPU seconds from the first look to the last, process by process.

    Workers of the run before may still be ending at the first, and at the last Ray Data may have
    ended a worker for which nothing was left: it counts as it was last seen.
    """
    latest: dict[int, float] = {}
    for look in looks:
        latest |= look
    return sum(seconds - looks[0].get(pid, 0.0) for pid, seconds in latest.items())


def fill(folder: Path, count: int, width: int, height: int) -> Path:
    """So many photos; the same pixels in each."""
    folder.mkdir()
    first = noisy_photo(folder / "00000.jpg", width, height).read_bytes()
    for index in range(1, count):
        (folder / f"{index:05}.jpg").write_bytes(first)
    return folder


def rate(photos: Path, output: Path, workers: int) -> dict[str, float]:
    """Of a run between its first object and its last."""
    from undegrade.cluster import Cluster, Tally, WorkerSettings, run

    marks: list[tuple[Any, ...]] = []

    def mark(tally: Tally) -> None:
        # The first objects of each worker wait for its networks.
        if tally.done >= workers:
            marks.append((time.perf_counter(), tally.done, tally.worker_seconds, *cpu_seconds()))

    where = Cluster("auto", workers=workers, batch_megapixels=0.001)
    run(f"file://{photos}", f"file://{output}", WorkerSettings(), where, on_rows=mark)
    first, last = marks[0], marks[-1]
    clock, done, busy = (last[column] - first[column] for column in range(3))
    cpu, others = (grown([mark[column] for mark in marks]) for column in (3, 4))
    return {
        "objects/s": done / clock,
        "CPU s an object": cpu / done,
        "CPU s of the others": others / done,
        "at work": busy / clock / workers,
    }


def efficiency(folder: Path, rounds: int) -> dict[str, Any]:
    """Two workers against two times one."""
    photos = {1: fill(folder / "p1", 16, 1200, 850), 2: fill(folder / "p2", 32, 1200, 850)}
    told: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    with small_ray(2):
        for number in range(rounds):
            for workers in (1, 2):
                told[workers].append(rate(photos[workers], folder / f"{number}-{workers}", workers))
                print(f"{workers} workers: {told[workers][-1]}", flush=True)

    def middle(workers: int, key: str) -> float:
        return statistics.median(one[key] for one in told[workers])

    fastest = {workers: max(one["objects/s"] for one in told[workers]) for workers in told}
    # On cores that are all taken, what the driver and Ray need is taken from the workers.
    price = middle(2, "CPU s an object") + middle(2, "CPU s of the others")
    return {
        "rounds": told,
        "by the clock, the best of each": fastest[2] / fastest[1] / 2,
        "by the clock, the median of each": middle(2, "objects/s") / middle(1, "objects/s") / 2,
        "by CPU time, the median": middle(1, "CPU s an object") / price,
        "part of the time at work, the median": middle(2, "at work"),
    }


STUB = """
import json, resource, sys, time
import undegrade.cluster.ray_data as ray_data
from undegrade.cluster import Cluster, WorkerSettings, run
from undegrade.cluster.worker import ROW

class EnhanceUnits(ray_data.EnhanceUnits):
    def one(self, source, target, version=""):
        row = {key: kind() for key, kind in ROW.items()}
        row |= {"input": source, "output": target, "version": version, "settings": self.digest}
        return row | {"status": "enhanced", "report": "x" * 1000}

ray_data.EnhanceUnits = EnhanceUnits
source, output, batch = sys.argv[1:]
import ray
ray.init("local", num_cpus=2, object_store_memory=200_000_000, include_dashboard=False,
         log_to_driver=False, logging_level="ERROR")
started, before = time.perf_counter(), time.process_time()
where = Cluster("auto", workers=2, batch_megapixels=float(batch))
tally = run(source, output, WorkerSettings(), where)
used = time.process_time() - before
assert tally.done == tally.listed
again = run(source, output, WorkerSettings(), Cluster("auto", workers=2))
assert (again.done, again.skipped) == (0, tally.done)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"peak MB": peak / 1e6, "driver CPU s": used, "seconds": tally.seconds}))
"""


def memory(folder: Path) -> list[dict[str, float]]:
    """Peaks of the driver; units of 64 objects, and, the last, of one."""
    rows = []
    for count, batch in ((1000, 50.0), (10_000, 50.0), (100_000, 50.0), (10_000, 0.001)):
        manifest = folder / f"{count}.jsonl"
        with manifest.open("w") as file:
            for index in range(count):
                name = f"s3://photos/2026/{index // 1000:04}/{index:07}.jpg"
                file.write(json.dumps({"uri": name, "size": 30_000, "version": f"{index}"}) + "\n")
        place = f"file://{folder}/{count}-{batch}"
        done = run_python("-c", STUB, f"file://{manifest}", place, str(batch))
        told = json.loads(done.output.splitlines()[-1])
        units = -(-count // 64) if batch > 1 else count
        rows.append({"objects": count, "units": units, **told})
        print(rows[-1], flush=True)
    return rows


def restart(folder: Path) -> dict[str, int]:
    """Objects that the next run does again after the driver was killed in the middle."""
    photos = fill(folder / "photos", 400, 120, 90)
    place = folder / "out"
    command = [sys.executable, "-m", "undegrade", "cluster", str(photos), str(place)]
    command += ["--batch", "0.2", "--workers", "2"]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr
        for line in process.stderr:
            found = re.match(r"(\d+) of ", line)
            if found and int(found[1]) >= 150:
                break
        process.kill()
    time.sleep(5)  # its workers notice
    before = {path: path.stat().st_mtime_ns for path in place.glob("*.jpg")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    worked = int(done.stdout.split()[0])
    repeated = sum(path.stat().st_mtime_ns != written for path, written in before.items())
    unit = int(0.2 // 0.01)
    return {
        "objects": 400,
        "written when killed": len(before),
        "done by the next run": worked,
        "written again": repeated,
        "in flight at most": 2 * 2 * unit,
    }


def sizing(folder: Path) -> dict[str, Any]:
    """Of one worker with one core on photos of 12 MP."""
    from undegrade.cluster import Cluster, Ledger, WorkerSettings, run

    photos = fill(folder / "large", 6, 4000, 3000)
    peaks: list[float] = []
    marks: list[dict[int, float]] = []

    def mark(tally: Any) -> None:
        if not tally.done:
            return
        marks.append(cpu_seconds()[0])
        for process in actors():
            state = Path(f"/proc/{process.pid}/status").read_text()
            peaks.append(int(re.search(r"VmHWM:\s+(\d+)", state)[1]) * 1024 / 1e6)  # type: ignore[index]

    with small_ray(1):
        where = Cluster("auto", workers=1, batch_megapixels=0.001)
        run(f"file://{photos}", f"file://{folder}/big", WorkerSettings(), where, on_rows=mark)
    seconds = [grown(pair) for pair in pairwise(marks)]
    wall = [
        row["seconds"]
        for part in Ledger(f"file://{folder}/big").parts()
        for row in part.to_pylist()
    ]
    sizes = [path.stat().st_size for path in (folder / "big").glob("*.jpg")]
    return {
        "CPU s an object": [round(float(value), 3) for value in seconds],
        "seconds an object": [round(value, 3) for value in wall],
        "MP per core-hour": 12 * 3600 / statistics.median(seconds),
        "peak MB of a worker": max(peaks),
        "input MB": (photos / "00000.jpg").stat().st_size / 1e6,
        "output MB": sizes[0] / 1e6,
    }


def simulation(sized: dict[str, Any], dispatch: float) -> list[dict[str, Any]]:
    """More workers than there are here, each a core."""
    network = Network()
    large = Work(read=1e6 * sized["input MB"], write=1e6 * sized["output MB"], dispatch=dispatch)
    small = Work(objects=64, read=3e4, write=3e4, dispatch=dispatch)
    kinds = {
        "12 MP photos, 4 a unit": (sized["CPU s an object"], large),
        "thumbnails of 0.05 s, 64 a unit": ([0.05], small),
    }
    rows = []
    for name, (service, work) in kinds.items():
        for workers in (8, 64, 512):
            told = simulate(workers, service, network, work)
            rows.append({"work": name, "workers": workers, **told})
            print(rows[-1], flush=True)
    return rows


def tables(told: dict[str, Any]) -> str:
    """The measured numbers as Markdown."""
    sized, speed, again = told["sizing"], told["efficiency"], told["restart"]
    hours = 12 * MILLION / sized["MP per core-hour"]
    lines = [
        "| of one worker with one core, 12 MP JPEGs | |",
        "|---|---:|",
        f"| CPU seconds a photo, median of {len(sized['CPU s an object'])} "
        f"| {statistics.median(sized['CPU s an object']):.1f} |",
        f"| megapixels per core-hour | {sized['MP per core-hour']:.0f} |",
        f"| peak memory of the worker | {sized['peak MB of a worker']:.0f} MB |",
        "",
        "| two workers beside one, photos of 1 MP | |",
        "|---|---:|",
        f"| efficiency by CPU time, the median | {speed['by CPU time, the median']:.2f} |",
        f"| efficiency by the clock, the best round of each "
        f"| {speed['by the clock, the best of each']:.2f} |",
        f"| efficiency by the clock, the median round "
        f"| {speed['by the clock, the median of each']:.2f} |",
        f"| part of the time that two workers are at work "
        f"| {speed['part of the time at work, the median']:.3f} |",
        "",
        "| a million photos of 12 MP | |",
        "|---|---:|",
        f"| core-hours | {hours:,.0f} |",
        f"| cores, at {CORE_HOUR} dollars an hour | {hours * CORE_HOUR:.0f} dollars |",
        f"| requests to the store | {MILLION * REQUESTS:.0f} dollars |",
        f"| hours on 512 cores | {hours / 512 / _simulated(told, 512):.1f} |",
        "",
        "| objects | units of work | driver's peak, MB | its CPU time, ms a unit |",
        "|---:|---:|---:|---:|",
    ]
    for row in told["memory"]:
        cost = 1000 * row["driver CPU s"] / row["units"]
        lines.append(
            f"| {row['objects']:,} | {row['units']:,} | {row['peak MB']:.0f} | {cost:.1f} |"
        )
    lines += [
        "",
        f"Driver killed with {again['written when killed']} of {again['objects']} outputs written: "
        f"the next run did {again['done by the next run']}, of which {again['written again']} "
        f"had been written before; at most {again['in flight at most']} were in flight.",
        "",
        "| simulated work | workers | efficiency | part of the time that the driver is at work |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row['work']} | {row['workers']} | {row['efficiency']:.2f} | {row['driver']:.2f} |"
        for row in told["simulation"]
    ]
    lines += ["", f"On {told['machine']}, by `python benchmarks/cluster.py --write`."]
    return "\n".join(lines)


def _simulated(told: dict[str, Any], workers: int) -> float:
    rows = [row for row in told["simulation"] if row["workers"] == workers]
    return float(rows[0]["efficiency"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("efficiency", "memory", "restart", "sizing", "simulation")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help="into results/ and docs/scale.md")
    options = parser.parse_args()
    target = RESULTS if options.write else options.json
    told = stored(RESULTS) | {"machine": machine()}
    for part in options.only:
        with tempfile.TemporaryDirectory() as folder:
            told[part] = measure(part, Path(folder), options.rounds, told)
        print(json.dumps({part: told[part]}, indent=1), flush=True)
        if target:
            target.write_text(json.dumps(told, indent=1) + "\n")
    if options.write:
        renew(DOCS, "measured", tables(told))


def measure(part: str, folder: Path, rounds: int, told: dict[str, Any]) -> Any:
    """One part; simulation needs what sizing and memory have *told*."""
    if part == "efficiency":
        return efficiency(folder, rounds)
    if part == "memory":
        return memory(folder)
    if part == "restart":
        return restart(folder)
    if part == "sizing":
        return sizing(folder)
    last = told["memory"][-1]
    return simulation(told["sizing"], last["driver CPU s"] / last["units"])


if __name__ == "__main__":
    main()
