"""Stores of small photos, a Ray of this machine, and what a run has left behind."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from tests.photos import noisy, photo_file, scene
from undegrade.cluster import Ledger

SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}


def fill(folder: Path, good: int, corrupt: int = 1, side: int = 48) -> list[str]:
    """Write noisy photos, a fifth of them in a subfolder, and corrupt ones; the good ones' keys."""
    (folder / "sub").mkdir(parents=True)
    keys = [f"{'' if index % 5 else 'sub/'}{index:05}.png" for index in range(good)]
    for index, key in enumerate(keys):
        pixels = noisy(scene(side, side, seed=index), 20, seed=index)
        (folder / key).write_bytes(photo_file(pixels))
    for index in range(corrupt):
        # Half a photo, the first half of which can be decoded.
        whole = photo_file(noisy(scene(side, side), 20))
        (folder / f"bad{index:03}.png").write_bytes(whole[: len(whole) // 2])
    return sorted(keys)


def uri(path: Path) -> str:
    """The address of a local folder or file."""
    return f"file://{path}"


def rows(output: Path | str) -> list[dict]:
    """The manifest below an output, oldest row first."""
    address = output if isinstance(output, str) else uri(output)
    return [row for part in Ledger(address).parts() for row in part.to_pylist()]


def check_whole(output: Path, keys: list[str], corrupt: int) -> None:
    """Every good object has one row and a picture that decodes; nothing else lies there."""
    table = rows(output)
    assert max(Counter(row["output"] for row in table).values()) == 1
    states = Counter(row["status"] for row in table)
    assert states == Counter({"enhanced": len(keys), "failed": corrupt})
    found = [path for path in output.rglob("*") if path.is_file()]
    made = [path for path in found if path.parent.name != "manifest"]
    assert sorted(path.relative_to(output).as_posix() for path in made) == keys
    for path in made:
        with Image.open(io.BytesIO(path.read_bytes())) as picture:
            picture.load()
    left = {path.name for path in (output / "_undegrade").iterdir()}
    assert left == {"manifest"}


@contextmanager
def small_ray(cpus: int = 2) -> Iterator[str]:
    """The address of a Ray of this machine, which this process is connected to."""
    import ray

    os.environ.update(SILENT)
    context = ray.init(
        address="local",
        num_cpus=cpus,
        include_dashboard=False,
        object_store_memory=100_000_000,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        yield context.address_info["gcs_address"]
    finally:
        ray.shutdown()


def command(*arguments: str) -> subprocess.Popen[str]:
    """``undegrade cluster`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "undegrade", "cluster", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **SILENT},
    )
