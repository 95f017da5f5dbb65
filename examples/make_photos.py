"""Make the example photos from three public-domain pictures that scikit-image carries.

    python examples/make_photos.py        (needs undegrade[eval])

The damage is drawn by the project's own operators with fixed seeds, so the files can be made
again; `truth` holds the pictures before it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.data

from undegrade.degradation import Chain
from undegrade.degradation.chain import replay
from undegrade.picture import encode, from_array, write_atomic

PHOTOS = Path(__file__).parent / "photos"


def write(name: str, image: np.ndarray, quality: int | None = None) -> None:
    pixels = np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
    suffix = Path(name).suffix
    format = {".jpg": "JPEG", ".png": "PNG"}[suffix]
    write_atomic(PHOTOS / name, encode(from_array(pixels), format=format, quality=quality))


def damaged(image: np.ndarray, *steps: dict[str, object]) -> np.ndarray:
    record = Chain(steps).sample(np.random.default_rng(0))
    return replay(image, record)


def main() -> None:
    cat, coffee, rocket = (
        picture().astype(np.float32) / 255
        for picture in (skimage.data.chelsea, skimage.data.coffee, skimage.data.rocket)
    )
    write("truth/cat.png", cat)
    write("cat-at-dusk.jpg", damaged(cat, {"operator": "gaussian-noise", "sigma": 22.0}), 88)
    write("coffee-from-the-web.jpg", coffee, 12)
    write("truth/rocket.jpg", rocket, 96)
    small = damaged(rocket, {"operator": "resample", "scale": 4, "back": False})
    write("rocket-thumbnail.png", small)
    write("coffee-clean.jpg", coffee, 96)


if __name__ == "__main__":
    main()
