"""Draw docs/images/real-damage.png: clean, simulated and real damage at 1:1.

    python benchmarks/realism_picture.py --samples FOLDER

FOLDER is a clone of https://github.com/drewnoakes/metadata-extractor-images, whose photos are "free
to use however you wish" by its README. What is simulated is made of the cat of examples/photos,
which is in the public domain.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from undegrade.degradation import DEGRADATIONS

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "images" / "real-damage.png"
CLEAN = ROOT / "examples" / "photos" / "truth" / "cat.png"

SIDE = 208
GAP, HEAD = 6, 20
"""Pixels between the crops, and for the words above each."""


@dataclass(frozen=True)
class Row:
    """One degradation beside a photo of its kind."""

    name: str
    parameters: dict[str, Any]
    at: tuple[int, int]
    """Left and top of the clean crop."""
    photo: str
    real_at: tuple[int, int]
    source: str
    scale: float = 1.0
    """Of the simulated to the clean."""


ROWS = (
    Row(
        "camera",
        {
            "iso": 3200,
            "lens": 0.7,
            "luma": 0.6,
            "chroma": 0.8,
            "radius": 4.0,
            "sharpen": 0.8,
            "sharpen_radius": 1.0,
            "quality": 88,
            "seed": 4,
        },
        (95, 60),
        "Nexus 4.jpg",
        (200, 2600),
        "Nexus 4, ISO 1200",
    ),
    Row(
        "scan",
        {
            "grain": 9,
            "size": 1.1,
            "shared": 0.75,
            "contrast": 0.85,
            "lift": 0.08,
            "red": 1.08,
            "blue": 0.85,
            "blur": 0.6,
            "quality": 90,
            "seed": 4,
        },
        (95, 60),
        "Noritsu Koki QSS.jpg",
        (2300, 1100),
        "film, Noritsu QSS",
    ),
    Row(
        "web",
        {
            "order": "jpeg-resize-jpeg",
            "scale": 0.8,
            "filter": "bicubic",
            "quality": 75,
            "again": 35,
            "left": 3,
            "top": 5,
        },
        (75, 20),
        "Apple iPhone 4.jpg",
        (260, 330),
        "iPhone 4, half its size",
        0.8,
    ),
)


def read(file: Path) -> Image.Image:
    with Image.open(file) as opened:
        return opened.convert("RGB")


def crop(picture: Image.Image, at: tuple[int, int], side: int = SIDE) -> Image.Image:
    return picture.crop((*at, at[0] + side, at[1] + side))


def simulated(row: Row, photo: Image.Image) -> Image.Image:
    """The crop of *photo* after the damage, from its left upper corner."""
    whole = crop(photo, row.at, round(SIDE / row.scale) + (8 if row.scale < 1 else 0))
    operator = DEGRADATIONS[row.name]
    made = operator.apply(np.asarray(whole, np.float32) / 255.0, row.parameters)
    return crop(Image.fromarray(np.rint(made * 255.0).astype(np.uint8)), (0, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, required=True)
    options = parser.parse_args()
    photo, step = read(CLEAN), SIDE + GAP
    size = (3 * step + GAP, len(ROWS) * (step + HEAD) + GAP)
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, row in enumerate(ROWS):
        top = index * (step + HEAD) + GAP
        shown = (
            ("clean", crop(photo, row.at)),
            (f"{row.name}, simulated", simulated(row, photo)),
            (f"real: {row.source}", crop(read(options.samples / "jpg" / row.photo), row.real_at)),
        )
        for column, (words, picture) in enumerate(shown):
            left = GAP + column * step
            draw.text((left, top + 1), words, "black", font)
            sheet.paste(picture, (left, top + HEAD))
    sheet.save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
