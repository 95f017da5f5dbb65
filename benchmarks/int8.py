"""Measure networks in 8 bit against the same in float32: speed, size, quality.

    python benchmarks/int8.py [--models NAME ...] [--data DIR] [--json FILE] [--write]

Speed: both run on equal windows in one process, taking turns, on one thread and on two; the median
of the ratios of neighbours, which other work on the machine hardly moves. Quality, where --data
gives the test sets: PSNR by the protocols of ``benchmarks/cards.py``.

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
from cards import JOBS, title
from pages import change_card
from speed import WINDOW

from undegrade.catalog import Catalog, Model
from undegrade.evaluation import evaluate, make_plan
from undegrade.evaluation.networks import carded
from undegrade.evaluation.provenance import machine
from undegrade.runtime import Network, WholePhoto, open_network

ROUNDS = 15
THREADS = (1, 2)
PRECISIONS = ("fp32", "int8")


def open_both(model: Model, threads: int | None = None) -> tuple[Network, Network]:
    """In float32 and in 8 bit, on the CPU."""
    floats, whole = (
        open_network(model, threads=threads, device="cpu", precision=precision)
        for precision in PRECISIONS
    )
    return floats, whole


def speed_ratio(model: Model, threads: int) -> float:
    """How many times as fast 8 bit is."""
    card, networks = model.card, open_both(model, threads)
    side = WINDOW if card.scale > 1 else 2 * WINDOW
    rng = np.random.default_rng(0)
    window = rng.random((1, 3, side, side), dtype=np.float32)
    small = rng.random((1, 3, card.thumbnail, card.thumbnail), dtype=np.float32)
    whole = WholePhoto(small, side, side) if card.thumbnail else None
    ratios = []
    for turn in range(ROUNDS + 1):
        seconds = []
        for network in networks:
            started = time.perf_counter()
            network.run(window, [0.5] * len(card.levels), whole)
            seconds.append(time.perf_counter() - started)
        if turn:  # the first run plans and allocates
            ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios)


def quality(model: Model, data: Path) -> list[dict[str, Any]]:
    """Each protocol's value in float32 and in 8 bit."""
    found = []
    both = tuple(map(carded, PRECISIONS, PRECISIONS, open_both(model)))
    for job in JOBS[model.card.name]:
        pack = data / f"{job.data}.tar"
        plan = make_plan([], job.protocol, pack, parameters=job.parameters, metrics=["psnr"])
        rows = evaluate(replace(plan, contenders=both)).rows
        # The input, float and 8 bit under each setting.
        for floats, whole in zip(rows[1::3], rows[2::3], strict=True):
            values = {row.model: round(row.mean, 3) for row in (floats, whole)}
            found.append({"protocol": title(floats), **values})
            print(f"{model.card.name:<10}{title(floats):<46}{values}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    # By default all that have a file in 8 bit.
    every = [name for name, model in Catalog().enhancing.items() if model.card.int8]
    parser.add_argument("--models", nargs="*", default=every)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    print(machine())
    found = {}
    for name in options.models:
        model = Catalog().find(name)
        ratios = {threads: round(speed_ratio(model, threads), 2) for threads in THREADS}
        size = model.path.with_name(model.card.int8).stat().st_size
        shown = ", ".join(f"{ratio:.2f} on {threads}" for threads, ratio in ratios.items())
        print(f"{name:<10}times as fast: {shown}; {size / 1e6:.2f} MB", flush=True)
        found[name] = {"ratios": ratios, "bytes": size, "loss_db": model.card.int8_loss_db}
        if options.data:
            found[name]["quality"] = quality(model, options.data)
        if options.write:
            seconds = model.card.seconds_per_megapixel / ratios[THREADS[-1]]
            change_card(model, int8_seconds_per_megapixel=round(seconds, 3))
    if options.json:
        result = {"machine": machine(), "models": found}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
