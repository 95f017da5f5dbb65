"""How fast a network runs on this machine: measured once, in about a second, and remembered.

Cards name the speed on the machine of those who made them; another CPU may take four times as long.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from undegrade.errors import OutputError
from undegrade.picture import write_atomic
from undegrade.places import cache_folder
from undegrade.runtime import openvino
from undegrade.runtime.device import cores, cpu_says, is_busy
from undegrade.runtime.process import process
from undegrade.runtime.session import Network
from undegrade.runtime.tiling import make_grid
from undegrade.version import __version__

Clock = Callable[[], float]
"""Seconds since any moment."""

SECONDS = 0.6
"""For which a network is run, after one run that does not count."""
SIDE = 256
"""Kept side of the tile that is run, in pixels: large enough to be as slow as in a photo."""


def measure(network: Network, clock: Clock) -> float:
    """Seconds per output megapixel that *network* computes, margins of tiles included.

    It is the fastest of several runs, which other work on the machine disturbs least.
    """
    card = network.card
    side = math.ceil(max(SIDE, card.radius) / card.multiple) * card.multiple
    pixels = np.full((side, side, 3), 128, np.uint8)
    levels = [0.5] * len(card.levels)
    process(network, pixels, levels, tile=side)
    runs: list[float] = []
    began = clock()
    while not runs or clock() - began < SECONDS:
        started = clock()
        process(network, pixels, levels, tile=side)
        runs.append(clock() - started)
    grid = make_grid(side, side, card.radius, card.multiple, side)
    return min(runs) / (grid.window_pixels * card.scale**2 / 1e6)


class Paces:
    """What has been measured, in a file of the user's, or in memory where that cannot be used."""

    def __init__(self) -> None:
        self._file = cache_folder() / "speeds.json"
        self._known: dict[str, float] = {}

    def find(self, key: str) -> float | None:
        """Seconds per megapixel, if they are known."""
        if key not in self._known:
            self._known = _read(self._file) | self._known
        return self._known.get(key)

    def keep(self, key: str, seconds: float) -> None:
        """Remember *seconds* per megapixel, for other processes, too, where that is possible.

        What a busy machine took is true for now, and is not written down.
        """
        self._known[key] = seconds
        if not is_busy():
            known = _read(self._file) | {key: seconds}
            with suppress(OutputError):  # it is measured again the next time
                write_atomic(self._file, json.dumps(known, indent=1).encode())


def key_of(weights: str, precision: str, threads: int | None, device: str) -> str:
    """All that the speed of the network whose *weights* have this hash follows from."""
    import onnxruntime

    there = f"openvino {openvino.version()}" if device == "openvino" else device
    facts = (
        cpu_says("model name") or platform.processor(),
        f"{threads or cores()} threads",
        there,
        precision,
        weights,
        f"undegrade {__version__}",
        f"onnxruntime {onnxruntime.__version__}",
    )
    return ", ".join(facts)


def _read(file: Path) -> dict[str, float]:
    """What *file* holds; nothing where it is missing or broken."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        key: float(value)
        for key, value in found.items()
        if isinstance(value, int | float) and 0 < value < math.inf
    }
