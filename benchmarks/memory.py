"""Measure peak memory against what is promised; needs a Unix.

    python benchmarks/memory.py [--cases WORD] [--quick] [--json FILE]   of whole commands
    python benchmarks/memory.py --calibrate             working memory a pixel, into the cards

``--cases`` runs those whose names hold a word; their rows replace those in the file. ``--quick``
computes two tiles of each network, and takes the second for all others, which are of its shape:
memory is that of the whole run, in a tenth of the time.

The promise is what ``undegrade enhance --dry-run`` prints; the peak is the resident memory of the
whole process, Python and libraries included.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from cases import noisy_photo, run_command, run_python
from pages import change_card
from PIL import Image

from undegrade.catalog import Card, Catalog
from undegrade.picture import icc
from undegrade.runtime import make_grid


@dataclass(frozen=True)
class Case:
    """A command whose memory is measured."""

    name: str
    width: int
    height: int
    wishes: tuple[str, ...] = ()
    source: str = ".jpg"
    """Suffix of the input."""
    target: str = ".jpg"
    """Suffix of the output."""
    kind: str = "RGB"
    """Of the input's pixels: RGB, L, CMYK, RGBA16 (uint16), wide (RGB with a profile), turned."""


TWICE, FOURFOLD = ("--task", "sr", "--scale", "2"), ("--task", "sr", "--scale", "4")
NOTHING = ("--skip", "restore", "--skip", "resharpen", "--skip", "lowlight", "--skip", "phone")
CASES = (
    Case("0.3 MP restore", 640, 480),
    Case("3 MP x2", 2000, 1500, TWICE),
    Case("3 MP x4", 2000, 1500, FOURFOLD),
    Case("3 MP x4 at half the strength", 2000, 1500, (*FOURFOLD, "--strength", "0.5")),
    Case("1 MP x2, best", 1200, 900, (*TWICE, "--effort", "best")),
    Case("6 MP resharpened", 3000, 2000, ("--add", "resharpen")),
    Case("6 MP x4", 3000, 2000, FOURFOLD),
    Case("6 MP CMYK restore", 3000, 2000, kind="CMYK"),
    Case("12 MP restore", 4000, 3000),
    Case("12 MP restore, turned", 4000, 3000, kind="turned"),
    Case("12 MP restore, wide gamut", 4000, 3000, kind="wide"),
    Case("12 MP grey restore", 4000, 3000, kind="L"),
    Case("12 MP lit", 4000, 3000, ("--task", "lowlight")),
    Case("12 MP to AVIF", 4000, 3000, target=".avif"),
    Case("12 MP to WebP", 4000, 3000, target=".webp"),
    Case("12 MP to PNG", 4000, 3000, target=".png"),
    Case("12 MP nothing to do", 4000, 3000, NOTHING),
    Case("24 MP TIFF nothing to do", 6000, 4000, NOTHING, ".tif", ".tif"),
    Case("12 MP 16-bit RGBA TIFF x2", 4000, 3000, TWICE, ".tif", ".tif", "RGBA16"),
    Case("24 MP TIFF x2", 6000, 4000, TWICE, ".tif", ".tif"),
    Case("12 MP x4", 4000, 3000, FOURFOLD),
)
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
QUICK = """
import sys
import numpy as np
from undegrade.cli import main
from undegrade.runtime import session
known, run = {}, session.Network.run
def first(network, windows, *rest, **named):
    done = known.setdefault((network.card.name, windows.shape), [])
    if len(done) < 2:
        output = run(network, windows, *rest, **named)
        done.append(output.astype(np.float16))
        return output
    return done[-1].astype(np.float32)
session.Network.run = first
sys.exit(main())
"""


def calibrate(card: Card) -> dict[str, int]:
    """For *card*, the working memory in bytes per pixel of a tile's input.

    That of 8 bit stands by itself only where it does already, for what gains by larger tiles.
    """
    needs = {p: _calibrate(card, p) for p in ("fp32", "int8") if p == "fp32" or card.int8}
    if card.int8_bytes_per_pixel:
        return {"bytes_per_pixel": needs["fp32"], "int8_bytes_per_pixel": needs["int8"]}
    return {"bytes_per_pixel": max(needs.values())}


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


def photo(case: Case, path: Path) -> Path:
    """The input of *case*, noisy, at *path*."""
    path = noisy_photo(path.with_suffix(".jpg"), case.width, case.height)
    with Image.open(path) as image:
        image.load()
    if case.kind == "RGBA16":
        pixels = np.asarray(image.convert("RGBA")).astype(np.uint16) * 257
        path = path.with_suffix(case.source)
        tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=["unassalpha"])
        return path
    options: dict[str, object] = {"quality": 85} if case.source == ".jpg" else {}
    if case.kind in ("L", "CMYK"):
        image = image.convert(case.kind)
    elif case.kind == "wide":
        options["icc_profile"] = icc.build("Adobe RGB (1998)", icc.ADOBE_RGB, icc.ADOBE_GAMMA)
    elif case.kind == "turned":
        exif = Image.Exif()
        exif[274] = 6
        options["exif"] = exif
    image.save(path.with_suffix(case.source), **options)
    return path.with_suffix(case.source)


def measure(case: Case, quick: bool) -> dict[str, object]:
    """What was promised and taken, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        source = photo(case, Path(folder) / "photo.jpg")
        out = str(Path(folder) / f"out{case.target}")
        arguments = ("enhance", str(source), "-o", out, *case.wishes)
        plan = json.loads(run_command(*arguments, "--dry-run", "--json").output)
        done = run_python("-c", QUICK, *arguments) if quick else run_command(*arguments)
    promised, peak = plan["memory_bytes"], done.peak_bytes
    print(
        f"{case.name:<30}{promised / 1e6:12.0f}{peak / 1e6:10.0f}{promised / peak:15.2f}"
        f"{done.seconds:9.1f}",
        flush=True,
    )
    return {"case": case.name, "promised": promised, "peak": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--cases", default="", metavar="WORD")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.calibrate:
        for name, model in Catalog().enhancing.items():
            needs = calibrate(model.card)
            change_card(model, **needs)
            print(f"{name}: {needs['bytes_per_pixel']} bytes a pixel")
        return
    rows = []
    print(f"{'case':<30}{'promised MB':>12}{'peak MB':>10}{'promised/peak':>15}{'seconds':>9}")
    for case in CASES:
        if options.cases in case.name:
            rows.append(measure(case, options.quick))
    broken = [row["case"] for row in rows if row["peak"] > row["promised"]]
    if options.json:
        known = json.loads(options.json.read_text()) if options.json.is_file() else []
        found = {row["case"]: row for row in (*known, *rows)}
        kept = [found[case.name] for case in CASES if case.name in found]
        options.json.write_text(json.dumps(kept, indent=1) + "\n")
    if broken:
        sys.exit(f"promises were broken: {', '.join(broken)}")


if __name__ == "__main__":
    main()
