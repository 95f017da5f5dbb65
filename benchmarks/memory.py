"""Measure peak memory against what is promised; needs a Unix.

    python benchmarks/memory.py [--json FILE]      promise and peak of whole commands
    python benchmarks/memory.py --calibrate        working memory a pixel, written into the cards

The promise is what ``undegrade enhance --dry-run`` prints; the peak is the resident memory of the
whole process, Python and libraries included.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from cases import noisy_photo, run_command, run_python

from undegrade.catalog import Card, Catalog, Model, write_card
from undegrade.runtime import make_grid

CASES = [
    ("12 MP restore", 4000, 3000, ()),
    ("3 MP x2", 2000, 1500, ("--task", "sr", "--scale", "2")),
    ("3 MP x4", 2000, 1500, ("--task", "sr", "--scale", "4")),
    ("1 MP x2, best", 1200, 900, ("--task", "sr", "--scale", "2", "--effort", "best")),
]
HEADROOM = 1.15
"""Over the measured need: allocators round up, and versions of the runtime differ."""

TILES = """
import sys
import numpy as np
from undegrade.catalog import Catalog
from undegrade.runtime import open_network, process
network = open_network(Catalog().find(sys.argv[1]), precision=sys.argv[3])
side = int(sys.argv[2])
pixels = np.zeros((side, 4 * side, 3), np.uint8)
process(network, pixels, [0.5] * len(network.card.levels), tile=side)
"""


def calibrate(model: Model) -> int:
    """Working memory in bytes per pixel of a tile's input, the most of float32 and of 8 bit."""
    precisions = ("fp32", "int8") if model.card.int8 else ("fp32",)
    return max(_calibrate(model.card, precision) for precision in precisions)


def _calibrate(card: Card, precision: str) -> int:
    """The most over several sizes of tile."""

    def peak(side: int) -> int:
        """Without the pictures themselves."""
        done = run_python("-c", TILES, card.name, str(side), precision)
        return done.peak_bytes - 4 * side * side * 3 * (1 + card.scale**2)

    base = peak(max(32, card.radius))
    needs = []
    for side in (384, 512, 640):
        window = make_grid(side, side, card.radius, card.multiple, None).window_pixels
        needs.append((peak(side) - base) / window)
    shown = f"base {base / 1e6:.0f} MB, bytes a pixel {[round(n) for n in needs]}"
    print(f"{card.name} in {precision}: {shown}")
    return round(HEADROOM * max(needs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.calibrate:
        for name, model in Catalog().enhancing.items():
            card = replace(model.card, bytes_per_pixel=calibrate(model))
            model.path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
            print(f"{name}: {card.bytes_per_pixel} bytes a pixel")
        return
    rows = []
    print(f"{'case':<16}{'promised MB':>12}{'peak MB':>10}{'peak/promised':>15}{'seconds':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for name, width, height, wishes in CASES:
            photo = noisy_photo(Path(folder) / "photo.jpg", width, height)
            arguments = ("enhance", str(photo), *wishes)
            plan = json.loads(run_command(*arguments, "--dry-run", "--json").output)
            done = run_command(*arguments, "-o", str(Path(folder) / "out.jpg"))
            promised, peak = plan["memory_bytes"], done.peak_bytes
            print(
                f"{name:<16}{promised / 1e6:12.0f}{peak / 1e6:10.0f}{peak / promised:15.2f}"
                f"{done.seconds:9.1f}",
                flush=True,
            )
            rows.append({"case": name, "promised": promised, "peak": peak})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if any(row["peak"] > row["promised"] for row in rows):
        sys.exit("a promise was broken")


if __name__ == "__main__":
    main()
