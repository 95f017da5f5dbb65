"""What lighting makes of light: how far shadows are lifted, how bright the middle comes out, and
what clips that did not.

    python benchmarks/light_after.py --photos FOLDER [--pictures FOLDER]

FOLDER as for ``light_photos.py``. Each of its 30 photos that somebody would want lit is lit,
whether the plan would do so unasked or not, in half its size. With --pictures before and after
stand side by side there, to be looked at.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from undegrade import Enhancer
from undegrade.diagnosis.light import measure
from undegrade.diagnosis.shade import cells, lift
from undegrade.picture import from_array
from undegrade.plan import Wishes

PHOTOS = Path(__file__).with_name("light_photos.json")
FULL = 253
"""8-bit value from which on a channel counts as clipped."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    enhancer, rows = Enhancer(), []
    print("| photo | shadows lifted, stops | middle before | after | newly clipped |")
    print("|---|---:|---:|---:|---:|")
    for name in json.loads(PHOTOS.read_text())["lit"]:
        whole = ImageOps.exif_transpose(Image.open(options.photos / name)).convert("RGB")
        before = np.asarray(whole.reduce(2))
        after = enhancer(from_array(before), Wishes(task="lowlight")).array
        pair = from_array(before), from_array(after)
        middle = [measure(picture).value["exposure"] for picture in pair]
        lifted = lift(*map(cells, pair))
        clipped = float(((after >= FULL).any(2) & (before < FULL).all(2)).mean())
        rows.append((lifted, *middle, clipped))
        values = f"{lifted:.1f} | {middle[0]:.1f} | {middle[1]:.1f} | {clipped:.2%}"
        print(f"| {Path(name).name} | {values} |", flush=True)
        if options.pictures:
            sheet = Image.fromarray(np.hstack([before, after]))
            sheet.save(options.pictures / f"{Path(name).stem}.jpg", quality=92)
    lifts, first, last, clipped_all = np.array(rows).T
    print(f"shadows lifted by {np.median(lifts):.2f} stops (median; least {lifts.min():.2f})")
    bright = (last > 0.3) & (last > first)
    print(f"middle above mid grey by more than 0.3 stops: {bright.sum()} of {len(rows)}")
    many, most = (clipped_all > 0.002).sum(), clipped_all.max()
    print(f"more than 0.2 % newly clipped: {many}; most {most:.2%}")


if __name__ == "__main__":
    main()
