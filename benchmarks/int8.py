"""Measure networks in 8 bit against the same in float32: speed, size, quality.

    python benchmarks/int8.py [--models NAME ...] [--data DIR] [--json FILE] [--write]

Speed: both run on equal windows in one process, taking turns, on one thread and on two; the median
of the ratios of neighbours, which other work on the machine hardly moves. Quality, where --data
gives the test sets: the protocols of ``benchmarks/quality.py``.

--write puts the seconds per megapixel of 8 bit into the cards: those of float32 by the ratio on two
threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from quality import PROTOCOLS, images
from speed import WINDOW, machine

from undegrade import catalog
from undegrade.catalog import Model, write_card
from undegrade.runtime import Network, open_network

ROUNDS = 15
THREADS = (1, 2)


def open_both(model: Model, threads: int | None = None) -> tuple[Network, Network]:
    """In float32 and in 8 bit, on the CPU."""
    floats, whole = (
        open_network(model, threads=threads, device="cpu", precision=precision)
        for precision in ("fp32", "int8")
    )
    return floats, whole


def speed_ratio(model: Model, threads: int) -> float:
    """How many times as fast 8 bit is."""
    card, networks = model.card, open_both(model, threads)
    side = WINDOW if card.scale > 1 else 2 * WINDOW
    window = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    ratios = []
    for turn in range(ROUNDS + 1):
        seconds = []
        for network in networks:
            started = time.perf_counter()
            network.run(window, [0.5] * len(card.levels))
            seconds.append(time.perf_counter() - started)
        if turn:  # the first run plans and allocates
            ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios)


def quality(model: Model, data: Path) -> list[dict[str, Any]]:
    """Each protocol's value in float32 and in 8 bit."""
    rows = []
    networks = open_both(model)
    for protocol, dataset, row, setting, _ in PROTOCOLS[model.card.name]:
        truths = images(data / dataset, None)
        floats, whole = (row(network, truths, setting)[1] for network in networks)
        rows.append({"protocol": protocol, "fp32": round(floats, 3), "int8": round(whole, 3)})
        print(f"{model.card.name:<10}{protocol:<46}{floats:8.3f}{whole:8.3f}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=list(PROTOCOLS))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    print(machine())
    found = {}
    for name in options.models:
        model = catalog.find(name)
        ratios = {threads: round(speed_ratio(model, threads), 2) for threads in THREADS}
        size = model.path.with_name(model.card.int8).stat().st_size
        shown = ", ".join(f"{ratio:.2f} on {threads}" for threads, ratio in ratios.items())
        print(f"{name:<10}times as fast: {shown}; {size / 1e6:.2f} MB", flush=True)
        found[name] = {"ratios": ratios, "bytes": size, "loss_db": model.card.int8_loss_db}
        if options.data:
            found[name]["quality"] = quality(model, options.data)
        if options.write:
            seconds = model.card.seconds_per_megapixel / ratios[THREADS[-1]]
            card = replace(model.card, int8_seconds_per_megapixel=round(seconds, 3))
            model.path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    if options.json:
        result = {"machine": machine(), "models": found}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
