"""Enhance every raw photo in a folder, and print a row of docs/hardness.md for each.

python benchmarks/raw_files.py FOLDER
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from undegrade import UndegradeError
from undegrade.enhancer import Enhancer
from undegrade.picture import decode


def row(enhancer: Enhancer, path: Path) -> str:
    """Camera, size, findings and steps; what the output says of itself is checked."""
    try:
        result = enhancer(decode(path))
    except UndegradeError as error:
        return f"| {path.name} | | | | | refused: {error.what} |"
    data = result.encode()
    picture, exif = decode(data), Image.open(io.BytesIO(data)).getexif()
    assert picture.encoding.format == "TIFF"
    assert picture.depth == 16
    assert picture.metadata.icc
    assert exif.get(274, 1) == 1
    camera = " ".join(str(exif.get(tag, "")).strip("\0 ") for tag in (271, 272))
    found = "; ".join(result.found.words) or "nothing lost"
    steps = ", then ".join(step.model.card.name for step in result.steps) or "developed only"
    size = f"{picture.width} x {picture.height}"
    return f"| {path.name} | | {camera} | {size} | {found} | {steps} |"


def main() -> None:
    enhancer = Enhancer()
    for path in sorted(Path(sys.argv[1]).iterdir()):
        print(row(enhancer, path), flush=True)


if __name__ == "__main__":
    main()
