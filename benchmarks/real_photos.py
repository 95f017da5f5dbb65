"""Write what becomes of real photos, at 1:1: unasked, and by one network on its own page.

    python benchmarks/real_photos.py --photos FOLDER [--only lowlight phone]

FOLDER holds the JPEGs of ``jpg/`` in github.com/drewnoakes/metadata-extractor-images, whose README
gives them free for any use. Each row of a table is a photo and the corner of a crop of 300 pixels;
the words beside it are written by hand after looking at the result, good or bad. The whole photo is
enhanced; before and after stand side by side.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from undegrade import Enhancer
from undegrade.plan import Wishes

DOCS = Path(__file__).parents[1] / "docs"
SIDE, COLUMNS = 300, 2

Photos = Mapping[str, tuple[int, int, str]]
"""Left and top of a crop by the photo's name, and what is to be seen there."""

PHOTOS: Photos = {
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

LIGHT: Photos = {
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

LOWLIGHT: Photos = {
    "Sanyo SR6.jpg": (170, 90, "the quay in evening light comes out, the sky stays"),
    "Sony D5403 (Xperia Z2).jpg": (
        1700,
        1100,
        "a fence in the shade is seen; its grain is coarser than before",
    ),
    "Kodak DC240.jpg": (170, 90, "the dog is brighter; its muzzle is nearly white"),
    "Canon PowerShot S40 (1).jpg": (
        300,
        600,
        "a little brighter, though the bag was bright enough",
    ),
    "Nikon D60.jpg": (
        640,
        1150,
        "brighter; the grain of the wood and the letters of the coin stay",
    ),
    "FujiFilm DS-7 (3).jpg": (300, 20, "face, shirt and menus come out"),
    "Canon PowerShot A40.jpg": (
        360,
        230,
        "failure: cheek and hair against the window turn white, the room stays dark",
    ),
    "Issue 131.jpg": (
        1000,
        700,
        "failure: a black room is lit as by day, with pale blots and the grain of its noise",
    ),
}

LOWLIGHT_FREE: Photos = {
    "Sanyo SR6.jpg": (170, 90, "quay and cars are a little brighter, the sky stays"),
    "Sony D5403 (Xperia Z2).jpg": (
        1700,
        1100,
        "a fence in the shade is seen, and grain stays as it was",
    ),
    "Kodak DC240.jpg": (170, 90, "a little brighter; fur and carpet stay"),
    "Canon PowerShot S40 (1).jpg": (300, 600, "hardly changed: it is bright enough"),
    "Nikon D60.jpg": (
        640,
        1150,
        "a little brighter; the grain of the wood and the letters of the coin stay",
    ),
    "FujiFilm DS-7 (3).jpg": (300, 20, "failure: hardly changed, the face stays dim"),
    "Canon PowerShot A40.jpg": (
        360,
        230,
        "failure: hardly changed, a face against the window stays dim",
    ),
    "Issue 131.jpg": (1000, 700, "a black room is lit as by day; the grain of its noise stays"),
}

PHONE: Photos = {
    "Nokia 3110c (Mobile Phone).jpg": (
        362,
        490,
        "noise of sky and stone is gone, the sky loses its violet cast; letters are softer",
    ),
    "Nokia Lumia 800.jpg": (1074, 1482, "failure: a blue evening sky turns grey"),
    "HTC Desire.jpg": (238, 304, "noise of the wall is gone; the fog stays"),
    "HTC One.jpg": (1194, 610, "failure: green and yellow fade, oversharpened edges calm down"),
    "Blackberry Z10.jpg": (768, 1482, "noise of skin and jacket is gone"),
    "Sony Ericsson C905c.jpg": (
        1482,
        1074,
        "coarse coloured noise is gone; violet cloth turns blue",
    ),
    "Sony Ericsson U10i.jpg": (1482, 768, "hardly changed: lines and speckles stay"),
    "Motorola XT1068 (Moto G).jpg": (1482, 1074, "dark green is smoother and lighter"),
}


@dataclass(frozen=True)
class Sheet:
    """Photos on one picture, with a table under it."""

    page: str
    """Where the table stands, between comments of the sheet's name."""
    picture: str
    photos: Photos
    wishes: Wishes

    def write(self, name: str, folder: Path, enhancer: Enhancer) -> None:
        """Enhance every photo in *folder*, and write picture and table."""
        tiles, lines = [], []
        for number, (file, (left, top, seen)) in enumerate(self.photos.items(), 1):
            result = enhancer(folder / file, self.wishes)
            with Image.open(folder / file) as image:
                before = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
            window = slice(top, top + SIDE), slice(left, left + SIDE)
            after = np.asarray(result.image.convert("RGB"))
            tiles.append(np.concatenate([before[window], after[window]], axis=1))
            cells = [str(number), Path(file).stem]
            if self.wishes.model is None:
                done = ", ".join(f"`{step.name}` ({step.reason})" for step in result.steps)
                cells.append(done or "nothing")
            lines.append(f"| {' | '.join([*cells, seen])} |")
        rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
        Image.fromarray(np.concatenate(rows)).save(DOCS / self.picture, quality=90, subsampling=0)
        titles = [
            "",
            "photo",
            *["done unasked"] * (self.wishes.model is None),
            "what is to be seen",
        ]
        table = [
            f"| {' | '.join(titles)} |".replace("|  |", "| |"),
            "|---" * len(titles) + "|",
            *lines,
        ]
        page = DOCS / self.page
        head, _, rest = page.read_text().partition(f"<!-- {name} -->\n")
        tail = rest.partition(f"<!-- /{name} -->")[2]
        page.write_text("\n".join([f"{head}<!-- {name} -->", *table, f"<!-- /{name} -->{tail}"]))


SHEETS = {
    "photos": Sheet("real-photos.md", "images/real-photos.jpg", PHOTOS, Wishes()),
    "light": Sheet("real-photos.md", "images/real-light.jpg", LIGHT, Wishes()),
    **{
        name: Sheet(f"models/{name}.md", f"models/{name}-real.jpg", photos, Wishes(model=name))
        for name, photos in (
            ("lowlight", LOWLIGHT),
            ("lowlight-free", LOWLIGHT_FREE),
            ("phone", PHONE),
        )
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(SHEETS), default=list(SHEETS))
    options = parser.parse_args()
    enhancer = Enhancer()
    for name in options.only:
        SHEETS[name].write(name, options.photos, enhancer)


if __name__ == "__main__":
    main()
