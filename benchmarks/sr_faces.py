"""Measure what enlarging makes of faces: LPIPS and PSNR beside a peer, and a sheet to look at.

    python benchmarks/sr_faces.py --photos DIR [--peer FILE.onnx] [--sheet FILE.png]

DIR holds portraits of 250 x 250 pixels, of LFW for instance. Each is cut to 248, reduced to 62 by
Pillow's bicubic filter, coded as JPEG of quality 75, and enlarged four times: by a bicubic filter,
by ``enhance --scale 4``, with ``--detail 1`` (faces and text keep the faithful weights, where
finders are installed) and with ``--detail-everywhere`` as well, and by the peer.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

from undegrade import Enhancer
from undegrade.imaging.arrays import Bytes
from undegrade.metrics import metric
from undegrade.plan import Wishes

SIDE, SCALE, QUALITY = 248, 4, 75
OURS = {
    "faithful": Wishes(scale=SCALE),
    "detail": Wishes(scale=SCALE, detail=1.0),
    "detail everywhere": Wishes(scale=SCALE, detail=1.0, detail_everywhere=True),
}


def enlarged(file: bytes, enhancer: Enhancer, ways: dict[str, Wishes]) -> dict[str, Bytes]:
    """What becomes of the small *file*, by name."""
    small = Image.open(io.BytesIO(file)).convert("RGB")
    cubic = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return {"bicubic": cubic} | {name: enhancer(file, way).array for name, way in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    ways = OURS | ({"peer": Wishes(model=str(options.peer))} if options.peer else {})
    enhancer, metrics = Enhancer(), [metric("lpips-squeeze-fp16"), metric("psnr")]
    found: dict[str, list[list[float]]] = {}
    rows = []
    for path in sorted(options.photos.glob("*.jpg")):
        truth = Image.open(path).convert("RGB").crop((1, 1, 1 + SIDE, 1 + SIDE))
        file = io.BytesIO()
        small = truth.resize((SIDE // SCALE,) * 2, Image.Resampling.BICUBIC)
        small.save(file, "JPEG", quality=QUALITY)
        made = enlarged(file.getvalue(), enhancer, ways)
        for name, picture in made.items():
            values = [one(picture, np.asarray(truth)) for one in metrics]
            found.setdefault(name, []).append(values)
        rows.append(np.concatenate([*made.values(), np.asarray(truth)], axis=1))
    print(f"{'way':<20}{'LPIPS':>8}{'PSNR':>8}{'n':>5}")
    for name, values in found.items():
        lpips, psnr = np.mean(values, axis=0)
        print(f"{name:<20}{lpips:8.4f}{psnr:8.2f}{len(values):5}")
    if options.sheet:
        Image.fromarray(np.concatenate(rows, axis=0)).save(options.sheet)


if __name__ == "__main__":
    main()
