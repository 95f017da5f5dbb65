"""Whether noise is better taken out before a dark photo is lit, or after.

    python benchmarks/light_order.py PAIRS [--model NAME ...]

PAIRS is a set of pairs of low and normal light, such as LOL's validation pairs. Noise is told as
the diagnosis reads it, each time in the picture that is restored. Prints PSNR and SSIM in RGB, and
PSNR with the truth's mean brightness given, where noise counts for more than exposure.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from undegrade import Enhancer
from undegrade.evaluation.protocols import matched_mean
from undegrade.evaluation.sets import open_set
from undegrade.imaging.arrays import Bytes
from undegrade.metrics import metric
from undegrade.picture import Picture, from_array
from undegrade.plan import Wishes

Way = Callable[[Picture], Picture]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs")
    parser.add_argument("--model", nargs="+", default=["lowlight", "lowlight-free"])
    options = parser.parse_args()
    photos = [item.read() for item in open_set(Path(options.pairs)).items]
    print("| network | order | PSNR | SSIM | PSNR, mean given |")
    print("|---|---|---:|---:|---:|")
    for model in options.model:
        for name, way in ways(model).items():
            rows = [
                scores(way(from_array(photo.damaged)).pixels, photo.pixels)
                for photo in photos
                if photo.damaged is not None
            ]
            psnr, ssim, given = np.mean(rows, 0)
            print(f"| {model} | {name} | {psnr:.2f} | {ssim:.3f} | {given:.2f} |", flush=True)


def ways(model: str) -> Mapping[str, Way]:
    enhancer = Enhancer()

    def through(wishes: Wishes) -> Way:
        return lambda picture: enhancer.run(picture, enhancer.plan(picture, wishes)).picture

    lit, restored = through(Wishes(model=model)), through(Wishes(task="restore"))
    return {
        "lit alone": lit,
        "restored, then lit": lambda picture: lit(restored(picture)),
        "lit, then restored": lambda picture: restored(lit(picture)),
    }


def scores(output: Bytes, truth: Bytes) -> tuple[float, float, float]:
    psnr, floats = metric("psnr"), np.float32(output) / 255
    given = np.rint(np.clip(matched_mean(floats, truth), 0, 1) * 255).astype(np.uint8)
    return psnr(output, truth), metric("ssim")(output, truth), psnr(given, truth)


if __name__ == "__main__":
    main()
