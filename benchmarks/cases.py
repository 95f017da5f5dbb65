"""Photos and commands that the benchmarks share."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


def noisy_photo(path: Path, width: int, height: int, quality: int = 85) -> Path:
    """A JPEG with soft shapes, edges and noise of sigma 15, the same on every machine."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(30, 226, (height // 100 + 1, width // 100 + 1, 3), dtype=np.uint8)
    shapes = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noisy = shapes + rng.normal(0, 15, shapes.shape).astype(np.float32)
    pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, "JPEG", quality=quality)
    return path


@dataclass(frozen=True)
class Measured:
    """A command that has run."""

    seconds: float
    peak_bytes: int
    output: str


# A child's peak starts at its parent's, so the command is started by a process that is small.
LAUNCHER = """
import json, os, subprocess, sys, time
started = time.perf_counter()
child = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([child.returncode, time.perf_counter() - started, peak]), file=sys.stderr)
"""


def run_python(*arguments: str) -> Measured:
    """Run Python in a process of its own; wall time and peak resident memory."""
    command = [sys.executable, "-S", "-c", LAUNCHER, sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *complaint, last = done.stderr.strip().splitlines()
    code, seconds, peak = json.loads(last)
    if code:
        raise RuntimeError(f"{' '.join(arguments)} failed: {' '.join(complaint)}")
    return Measured(seconds, peak, done.stdout)


def run_command(*arguments: str) -> Measured:
    """Run ``undegrade`` in a process of its own."""
    return run_python("-m", "undegrade", *arguments)
