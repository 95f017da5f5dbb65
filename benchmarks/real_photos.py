"""Write what becomes of real photos, at 1:1: unasked, and by one network on its own page.

    python benchmarks/real_photos.py --photos FOLDER [--only lowlight phone]

FOLDER holds the JPEGs of ``jpg/`` in github.com/drewnoakes/metadata-extractor-images, whose README
gives them free for any use. ``real_photos.toml`` names photos, corners of crops of 300 pixels, and
what is to be seen there, written by hand after looking at the result, good or bad. The whole photo
is enhanced; before and after stand side by side.
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pages import renew
from PIL import Image, ImageOps

from undegrade import Enhancer
from undegrade.plan import Wishes

DOCS = Path(__file__).parents[1] / "docs"
SIDE, COLUMNS = 300, 2


@dataclass(frozen=True)
class Sheet:
    """Photos on one picture, with a table under it."""

    page: str
    """Where the table stands, between comments of the sheet's name."""
    picture: str
    wishes: Wishes

    def write(
        self, name: str, photos: dict[str, dict[str, Any]], folder: Path, enhancer: Enhancer
    ) -> None:
        """Enhance every photo in *folder*, and write picture and table."""
        unasked = self.wishes.model is None
        tiles, lines = [], [f"| | photo |{' done unasked |' * unasked} what is to be seen |"]
        lines.append("|---" * (3 + unasked) + "|")
        for number, (file, crop) in enumerate(photos.items(), 1):
            result = enhancer(folder / file, self.wishes)
            with Image.open(folder / file) as image:
                before = ImageOps.exif_transpose(image).convert("RGB")
            left, top = crop["at"]
            box = left, top, left + SIDE, top + SIDE
            pair = (picture.convert("RGB").crop(box) for picture in (before, result.image))
            tiles.append(np.concatenate(list(map(np.asarray, pair)), axis=1))
            done = ", ".join(f"`{step.name}` ({step.reason})" for step in result.steps)
            cells = [str(number), Path(file).stem, *[done or "nothing"] * unasked, crop["seen"]]
            lines.append(f"| {' | '.join(cells)} |")
        rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
        Image.fromarray(np.concatenate(rows)).save(DOCS / self.picture, quality=90, subsampling=0)
        renew(DOCS / self.page, name, "\n".join(lines))


SHEETS = {
    "photos": Sheet("real-photos.md", "images/real-photos.jpg", Wishes()),
    "light": Sheet("real-photos.md", "images/real-light.jpg", Wishes()),
    **{
        name: Sheet(f"models/{name}.md", f"models/{name}-real.jpg", Wishes(model=name))
        for name in ("lowlight", "lowlight-free", "phone")
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(SHEETS), default=list(SHEETS))
    options = parser.parse_args()
    crops = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    enhancer = Enhancer()
    for name in options.only:
        SHEETS[name].write(name, crops[name], options.photos, enhancer)


if __name__ == "__main__":
    main()
