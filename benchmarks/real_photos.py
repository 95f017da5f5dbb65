"""Write the page of real photos: what the program does to them unasked, at 1:1.

    python benchmarks/real_photos.py --photos FOLDER

FOLDER holds the JPEGs of ``jpg/`` in github.com/drewnoakes/metadata-extractor-images, whose README
gives them free for any use. Each row of ``PHOTOS`` is a photo and the corner of a crop of 300
pixels; the words beside it are written by hand after looking at the result, good or bad. The whole
photo is enhanced; before and after stand side by side in ``docs/images/real-photos.jpg``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from undegrade import Enhancer

DOCS = Path(__file__).parents[1] / "docs"
PICTURE, PAGE = DOCS / "images" / "real-photos.jpg", DOCS / "real-photos.md"
SIDE, COLUMNS = 300, 2

PHOTOS: dict[str, tuple[int, int, str]] = {
    "Olympus S760.jpg": (1386, 1002, "noise of skin, cloth and dark is gone; stubble is softer"),
    "Sony DSC-P52.jpg": (666, 462, "coarse coloured noise of a dark hall is gone; faces stay"),
    "HTC TyTN II.jpg": (874, 618, "noise of the wall and rings at the mast are gone; bars stay"),
    "Sony Ericsson C905c.jpg": (
        1482,
        1074,
        "coarse coloured noise of the wall is gone; cloth stays",
    ),
    "VTech Kidizoom camera.jpg": (1130, 810, "a toy camera's smear: nothing can be given back"),
    "Casio EX-Z3.jpg": (874, 618, "noise in the dark is gone; grooves stay, the skin is smoother"),
    "Nikon E900 (1).jpg": (
        490,
        330,
        "blocks and noise are gone; the weave of the cloth is smoother",
    ),
    "Panasonic NV-GX7.jpg": (490, 330, "too much: the rock loses some fine structure"),
    "Kodak DX6490.jpg": (714, 1002, "too much: noise is gone, and with it the weave of the shirt"),
    "Nokia Lumia 800.jpg": (1074, 1482, "the faint coarse noise of the sky is gone"),
    "Canon EOS 20D (1).jpg": (1602, 1018, "clean, and left alone to the bit"),
    "Apple iPhone 6 plus.jpg": (
        1074,
        1482,
        "left alone to the bit; hardly noise to be seen",
    ),
}
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
