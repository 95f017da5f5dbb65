"""What lighting leaves of the light: how bright the middle comes out, and what clips that did not.

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
    print("| photo | middle before, stops | after | newly clipped |")
    print("|---|---:|---:|---:|")
    for name in json.loads(PHOTOS.read_text())["lit"]:
        whole = ImageOps.exif_transpose(Image.open(options.photos / name)).convert("RGB")
        before = np.asarray(whole.reduce(2))
        after = enhancer(from_array(before), Wishes(task="lowlight")).array
        middle = [measure(from_array(pixels)).value["exposure"] for pixels in (before, after)]
        clipped = float(((after >= FULL).any(2) & (before < FULL).all(2)).mean())
        rows.append((*middle, clipped))
        print(
            f"| {Path(name).name} | {middle[0]:.1f} | {middle[1]:.1f} | {clipped:.2%} |", flush=True
        )
        if options.pictures:
            pair = Image.fromarray(np.hstack([before, after]))
            pair.save(options.pictures / f"{Path(name).stem}.jpg", quality=92)
    first, last, clipped_all = np.array(rows).T
    bright = (last > 0.3) & (last > first)
    print(f"middle above mid grey by more than 0.3 stops: {bright.sum()} of {len(rows)}")
    many, most = (clipped_all > 0.002).sum(), clipped_all.max()
    print(f"more than 0.2 % newly clipped: {many}; most {most:.2%}")


if __name__ == "__main__":
    main()
