"""Enhance the example photos, say what was found and done, and write before/after pictures.

python examples/demo.py [FOLDER]        (default: demo/)
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

import undegrade
from undegrade.cli.wording import describe_found, describe_steps

PHOTOS = Path(__file__).parent / "photos"
SCALES = {"rocket-thumbnail.png": 4}
"""Only a person can know that a picture should be larger."""
TRUTHS = {"cat-at-dusk.jpg": "truth/cat.png", "rocket-thumbnail.png": "truth/rocket.jpg"}
TRUTHS["coffee-from-the-web.jpg"] = "coffee-clean.jpg"


def side_by_side(pictures: dict[str, Image.Image], side: int = 400) -> Image.Image:
    """The middle of each picture at 1:1, labelled, beside each other."""
    width = min(side, *(p.width for p in pictures.values()))
    height = min(side, *(p.height for p in pictures.values()))
    sheet = Image.new("RGB", (len(pictures) * (width + 4) - 4, height + 18), "white")
    for i, (label, picture) in enumerate(pictures.items()):
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        part = picture.convert("RGB").crop((left, top, left + width, top + height))
        sheet.paste(part, (i * (width + 4), 18))
        ImageDraw.Draw(sheet).text((i * (width + 4) + 2, 3), label, fill="black")
    return sheet


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    pairs = []
    for path in sorted(p for p in PHOTOS.iterdir() if p.suffix in {".jpg", ".png"}):
        result = undegrade.enhance(path, scale=SCALES.get(path.name))
        result.save(folder / path.name)
        print(f"{path.name}: found {describe_found(result.found)}")
        print(f"    {describe_steps(result.steps)}; {result.seconds:.1f} s")
        with Image.open(path) as before:
            shown = before.resize(result.image.size, Image.Resampling.NEAREST)
            sheet = {"before": shown, "after": result.image}
            if not result.unchanged:
                pairs.append(side_by_side(sheet, side=260))
            if path.name in TRUTHS:
                sheet["truth"] = Image.open(PHOTOS / TRUTHS[path.name])
            side_by_side(sheet).save(folder / f"{path.stem}-before-after.png")
    overview = Image.new("RGB", (sum(p.width + 8 for p in pairs) - 8, pairs[0].height), "white")
    for i, pair in enumerate(pairs):
        overview.paste(pair, (i * (pair.width + 8), 0))
    overview.save(folder / "before-after.png")
    print(f"before/after pictures: {folder}/")


if __name__ == "__main__":
    main()
