"""Write the page of real photos: what the program does to them unasked, at 1:1.

    python benchmarks/real_photos.py --photos FOLDER

FOLDER holds the JPEGs of ``jpg/`` in github.com/drewnoakes/metadata-extractor-images, whose README
gives them free for any use. Each row of ``PHOTOS`` is a photo and the corner of a crop of 300
pixels; the words beside it are written by hand after looking at the result, good or bad. The whole
photo is enhanced; before and after stand side by side in ``docs/pictures/real-photos.jpg``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from undegrade import Enhancer

DOCS = Path(__file__).parents[1] / "docs"
PICTURE, PAGE = DOCS / "pictures" / "real-photos.jpg", DOCS / "real-photos.md"
SIDE, COLUMNS = 300, 2

PHOTOS: dict[str, tuple[int, int, str]] = {}
"""Left and top of the crop, and what is to be seen there."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    options = parser.parse_args()
    enhancer, tiles, lines = Enhancer(), [], []
    for number, (name, (left, top, seen)) in enumerate(PHOTOS.items(), 1):
        path = options.photos / name
        result = enhancer(path)
        before = np.asarray(Image.open(path).convert("RGB"))
        window = slice(top, top + SIDE), slice(left, left + SIDE)
        after = np.asarray(result.image.convert("RGB"))
        tiles.append(np.concatenate([before[window], after[window]], axis=1))
        done = ", ".join(f"`{step.name}` ({step.reason})" for step in result.steps)
        lines.append(f"| {number} | {Path(name).stem} | {done or 'nothing'} | {seen} |")
    rows = [np.concatenate(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)]
    Image.fromarray(np.concatenate(rows)).save(PICTURE, quality=90, subsampling=0)
    head, _, rest = PAGE.read_text().partition("<!-- photos -->\n")
    _, _, tail = rest.partition("<!-- /photos -->")
    table = ["| | photo | done unasked | what is to be seen |", "|---|---|---|---|", *lines]
    PAGE.write_text(f"{head}<!-- photos -->\n" + "\n".join(table) + f"\n<!-- /photos -->{tail}")


if __name__ == "__main__":
    main()
