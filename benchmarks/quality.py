"""Measure the shipped models on public test sets, and write the scores into their cards.

    python benchmarks/quality.py --data DIR [--models NAME ...] [--limit N] [--write]

DIR holds ``cbsd68.tar``, ``live1.tar`` and ``set5.tar`` (or folders of those names). None of
these images was ever trained on or used to choose anything. The first line of each protocol is
its gate, the score of the untouched input; the run stops when that is off the published value.
With --write the scores go into the cards.

Protocols (the mean of per-image PSNR in dB, outputs clipped and rounded to 8 bit):

* noise: CBSD68, N(0, sigma) added in float, not clipped, numpy's legacy generator seeded with 0
  for each image, RGB, no crop. Gate 24.61 / 20.17 / 14.15.
* JPEG: LIVE1 in colour, Pillow's encoder, 4:2:0, RGB, no crop. Gate 25.69 / 28.06 / 29.37 / 30.28.
* super-resolution: Set5, MATLAB's imresize, rounded to 8 bit; BT.601 studio-range Y, a border of
  the scale cropped. Gate (bicubic in RGB): 33.68 / 28.43.
* identity: CBSD68 untouched, at level 0: the largest change of any value in any image.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade import catalog
from undegrade.catalog import Score, write_card
from undegrade.degradation import imresize
from undegrade.levels import MAX_SIGMA, Levels
from undegrade.runtime import Network, make_thumbnail, open_network

Floats = NDArray[np.float32]
GATE_TOLERANCE = 0.02


def images(source: Path, limit: int | None) -> list[Floats]:
    """The test set's images, (H, W, 3) float32 in [0, 1], in name order."""
    if source.is_dir():
        files = {p.name: p.read_bytes() for p in source.iterdir() if p.is_file()}
    else:
        with tarfile.open(source.with_suffix(".tar")) as pack:
            files = {m.name: pack.extractfile(m).read() for m in pack if m.isfile()}
    return [
        np.asarray(Image.open(io.BytesIO(files[name])).convert("RGB"), np.float32) / 255
        for name in sorted(files)[:limit]
    ]


def run_whole(network: Network, image: Floats, levels: tuple[float, ...] = ()) -> Floats:
    """Run on a float picture, reflected at its borders as the product does it."""
    card = network.card
    margin = -(-card.radius // card.multiple) * card.multiple
    height, width = image.shape[:2]
    rest = [(-side) % card.multiple for side in (height, width)]
    pad = ((margin, margin + rest[0]), (margin, margin + rest[1]), (0, 0))
    padded = np.pad(image, pad, mode="symmetric").transpose(2, 0, 1)[None]
    small = None
    if card.thumbnail:
        whole = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
        small = make_thumbnail(whole, card.thumbnail, None)
    output = network.run(np.ascontiguousarray(padded, np.float32), levels, small)
    low, s = margin * card.scale, card.scale
    return output[0, :, low : low + height * s, low : low + width * s].transpose(1, 2, 0)


def to_file(image: Floats) -> Floats:
    """As an 8-bit file holds it."""
    return np.rint(np.clip(image, 0, 1) * 255) / 255


def psnr(a: Floats, b: Floats) -> float:
    """PSNR in dB with peak 1 over all values."""
    mse = float(np.mean((a.astype(np.float64) - b) ** 2))
    return float("inf") if mse == 0 else -10 * np.log10(mse)


def luma(image: Floats) -> Floats:
    """BT.601 studio-range Y of RGB in [0, 1], in [16, 235] / 255."""
    return (16 + image @ np.array([65.481, 128.553, 24.966])) / 255


def noise_row(network: Network, truths: list[Floats], sigma: int) -> tuple[float, float]:
    levels = (sigma / MAX_SIGMA, 0.0)
    before, after = [], []
    for truth in truths:
        drawn = np.random.RandomState(0).normal(0, sigma / 255, truth.shape)
        noisy = (truth + drawn).astype(np.float32)
        before.append(psnr(noisy, truth))
        after.append(psnr(to_file(run_whole(network, noisy, levels)), truth))
    return float(np.mean(before)), float(np.mean(after))


def jpeg_row(network: Network, truths: list[Floats], quality: int) -> tuple[float, float]:
    levels = (0.0, Levels(quality=quality).jpeg)
    before, after = [], []
    for truth in truths:
        file = io.BytesIO()
        Image.fromarray(np.rint(truth * 255).astype(np.uint8)).save(
            file, "JPEG", quality=quality, subsampling="4:2:0"
        )
        coded = np.asarray(Image.open(file), np.float32) / 255
        before.append(psnr(coded, truth))
        after.append(psnr(to_file(run_whole(network, coded, levels)), truth))
    return float(np.mean(before)), float(np.mean(after))


def upscale_row(network: Network, truths: list[Floats], scale: int) -> tuple[float, float]:
    before, after = [], []
    for truth in truths:
        height, width = (side // scale * scale for side in truth.shape[:2])
        whole = truth[:height, :width]
        small = to_file(imresize(whole, scale=1 / scale))
        inside = slice(scale, -scale)

        def score(image: Floats, whole: Floats = whole, inside: slice = inside) -> float:
            return psnr(luma(to_file(image))[inside, inside], luma(whole)[inside, inside])

        before.append(score(imresize(small, size=(height, width))))
        after.append(score(run_whole(network, small)))
    return float(np.mean(before)), float(np.mean(after))


def identity_row(network: Network, truths: list[Floats], _: int) -> tuple[float, float]:
    """Largest change in 8-bit levels, which is none before."""
    changes = [np.abs(to_file(run_whole(network, t, (0.0, 0.0))) - to_file(t)) for t in truths]
    return 0.0, float(max(change.max() for change in changes) * 255)


Row = Callable[[Network, list[Floats], int], tuple[float, float]]
PROTOCOLS: dict[str, list[tuple[str, str, Row, int, float | None]]] = {
    "restore": [
        *(
            (f"CBSD68, noise sigma {s}, unclipped, RGB", "cbsd68", noise_row, s, gate)
            for s, gate in ((15, 24.61), (25, 20.17), (50, 14.15))
        ),
        *(
            (f"LIVE1 colour, JPEG quality {q}, 4:2:0, RGB", "live1", jpeg_row, q, gate)
            for q, gate in ((10, 25.69), (20, 28.06), (30, 29.37), (40, 30.28))
        ),
        ("CBSD68 clean at level 0, RGB, 8-bit levels", "cbsd68", identity_row, 0, None),
    ],
    "sr-x2": [("Set5 x2, bicubic, Y, border 2", "set5", upscale_row, 2, 33.68)],
    "sr-x4": [("Set5 x4, bicubic, Y, border 4", "set5", upscale_row, 4, 28.43)],
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=list(PROTOCOLS))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    print(f"{'model':<10}{'protocol':<46}{'input':>8}{'output':>8}   n")
    for name in options.models:
        model = catalog.find(name)
        network = open_network(model, precision="fp32")
        scores = []
        for protocol, dataset, row, setting, gate in PROTOCOLS[name]:
            truths = images(options.data / dataset, options.limit)
            before, after = row(network, truths, setting)
            if gate is not None and options.limit is None and abs(before - gate) > GATE_TOLERANCE:
                print(f"gate off: {protocol}: {before:.3f} instead of {gate}", file=sys.stderr)
                return 1
            print(f"{name:<10}{protocol:<46}{before:8.2f}{after:8.2f}{len(truths):4}", flush=True)
            metric = "largest change" if row is identity_row else "PSNR"
            scores.append(Score(protocol, metric, round(after, 2), round(before, 2), len(truths)))
        if options.write and options.limit is None:
            command = "python benchmarks/quality.py --data DIR --write"
            card = replace(model.card, scores=tuple(scores), measured_by=command)
            model.path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
