"""Write the page of real photos: what the program does to them unasked, at 1:1.

    python benchmarks/real_photos.py --photos FOLDER

FOLDER holds the JPEGs of ``jpg/`` in github.com/drewnoakes/metadata-extractor-images, whose README
gives them free for any use. Each row of ``PHOTOS`` and of ``LIGHT`` is a photo and the corner of a
crop of 300 pixels; the words beside it are written by hand after looking at the result, good or
bad. The whole photo is enhanced; before and after stand side by side in ``docs/images/``, noise in
one picture and light in another.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from undegrade import Enhancer

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "real-photos.md"
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

LIGHT: dict[str, tuple[int, int, str]] = {
    "Sony Ericsson C905c.jpg": (
        760,
        420,
        "missed: a face against a lamp stays dark (its chance is 0.53, the limit 0.55)",
    ),
    "Sony D5403 (Xperia Z2).jpg": (1700, 1100, "a fence in the shade is seen; fine grain stays"),
    "Kodak DC240.jpg": (
        230,
        150,
        "missed by as little: the dog stays dim; fur is a little smoother",
    ),
    "Issue 131.jpg": (
        1000,
        700,
        "a black room is lit as by day; pale blots where noise was strongest",
    ),
    "Nikon D60.jpg": (640, 1150, "brighter; the grain of the wood and the coin stay"),
    "Nokia 3110c (Mobile Phone).jpg": (700, 700, "a wall in the shade comes out; noise is gone"),
    "Sony DSC-P52.jpg": (666, 762, "missed: the crowd stays dark; coarse noise is gone"),
    "Casio EX-Z3.jpg": (874, 18, "left as it is: the window says evening"),
}
"""The same of photos of too little light, or of uneven light."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    options = parser.parse_args()
    enhancer = Enhancer()
    for name, photos in (("photos", PHOTOS), ("light", LIGHT)):
        tiles, lines = [], []
        for number, (file, (left, top, seen)) in enumerate(photos.items(), 1):
            result = enhancer(options.photos / file)
            before = np.asarray(Image.open(options.photos / file).convert("RGB"))
            window = slice(top, top + SIDE), slice(left, left + SIDE)
            after = np.asarray(result.image.convert("RGB"))
            tiles.append(np.concatenate([before[window], after[window]], axis=1))
            done = ", ".join(f"`{step.name}` ({step.reason})" for step in result.steps)
            lines.append(f"| {number} | {Path(file).stem} | {done or 'nothing'} | {seen} |")
        rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
        picture = DOCS / "images" / f"real-{name}.jpg"
        Image.fromarray(np.concatenate(rows)).save(picture, quality=90, subsampling=0)
        table = ["| | photo | done unasked | what is to be seen |", "|---|---|---|---|", *lines]
        head, _, rest = PAGE.read_text().partition(f"<!-- {name} -->\n")
        tail = rest.partition(f"<!-- /{name} -->")[2]
        PAGE.write_text("\n".join([f"{head}<!-- {name} -->", *table, f"<!-- /{name} -->{tail}"]))


if __name__ == "__main__":
    main()
