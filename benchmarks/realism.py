"""Compare the noise of simulated cameras with that of real ones.

    python benchmarks/realism.py --data DIR --photos FOLDER --camera-photos FOLDER
                                 [--draws N] [--cache FILE] [--json FILE] [--write]

DIR of --data holds ``polyu_val.tar``, pairs of photos with a camera's noise and means of many
exposures of the same scene; --photos is a folder of clean photos, of which every draw of
``Camera().sample`` damages a crop of 256 px; --camera-photos one of JPEGs as cameras wrote them.

Two comparisons, each by one measure on both sides:

``pairs``   the noise itself: of a pair, noisy minus clean; of a simulation, picture minus target.
``photos``  without the truth: what a plane does not explain in the flattest twentieth of a
            photo's blocks of 32 px, dark, middle and bright ones each. Fine texture that is left in
            such blocks counts as noise, and noise coarser than a block does not; both hold for the
            simulated pictures as for the photos, since these go the same way.

What has been measured is kept in the file of --cache, so that a run that was stopped goes on; it
must be removed when the simulation changes. The result goes to benchmarks/results/realism.json or
to --json; --write renews the table in docs/degradations.md.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pages import renew
from PIL import Image, UnidentifiedImageError

from undegrade.degradation.camera import Camera
from undegrade.imaging.noise_levels import MAX_NOISE, grain_size, measure_noise, part_weights

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "realism.json"
PAGE = ROOT / "docs" / "degradations.md"

SIDE = 256
"""Of the crops that are damaged, in pixels."""

BLOCK = 32
"""Side of the blocks whose spectra are taken."""

REGION = 768
"""Side of the middle of a camera's photo in which flat blocks are looked for."""

FLATTEST = 0.05
"""Share of the blocks of like brightness that are taken as flat."""

SPOKEN = 0.05
"""Least share of a picture that must be dark, and bright, to compare the two."""

BANDS = ((1 / 4, 1.0), (1 / 8, 1 / 4), (1 / 16, 1 / 8), (0.0, 1 / 16))
"""Octaves of radial frequency in periods per pixel; the last holds all that is coarser."""

MEASURES = {
    "level": "rms of the noise, 0..255 units",
    "chroma": "chroma share, C^2 / (L^2 + C^2)",
    "grain": "grain in px",
    "dark_to_bright": "rms in dark parts / in bright parts",
    "band_2": "luma: periods of 2 to 4 px",
    "band_4": "luma: 4 to 8 px",
    "band_8": "luma: 8 to 16 px",
    "band_16": "luma: above 16 px",
    "chroma_2": "chroma: periods of 2 to 4 px",
    "chroma_4": "chroma: 4 to 8 px",
    "chroma_8": "chroma: 8 to 16 px",
    "chroma_16": "chroma: above 16 px",
}
"""What is measured of every picture, as the table says it."""

LUMA_BANDS, CHROMA_BANDS = list(MEASURES)[4:8], list(MEASURES)[8:]

QUANTILES = (0.05, 0.5, 0.95)
RANGE = (0.025, 0.975)
"""Quantiles of the simulated between which a real one lies inside."""

Picture = NDArray[np.float32]
"""(H, W, 3) sRGB in [0, 1]."""

Measured = dict[str, float]
"""By the keys of :data:`MEASURES`; what a picture cannot tell is left out."""


def measured(noise: Picture, clean: Picture) -> Measured:
    """The measures of *noise* on *clean*."""
    planes = [np.ascontiguousarray(p.transpose(2, 0, 1)[None]) for p in (noise, clean)]
    levels, grain = measure_noise(*planes)
    shared = noise.mean(axis=2, keepdims=True)
    luma, whole = float(np.mean(shared**2)), float(np.mean(noise**2))
    found = {
        "level": 255.0 * math.sqrt(whole),
        "chroma": 1.0 - luma / max(whole, 1e-12),
        "grain": grain_size(float(grain[0])),
    }
    if luma > 0:
        found.update(zip(LUMA_BANDS, band_shares(shared), strict=True))
    if whole > luma:
        found.update(zip(CHROMA_BANDS, band_shares(noise - shared), strict=True))
    dark, _, bright = np.hypot(levels[0, :3], levels[0, 3:]) * MAX_NOISE
    weights = part_weights(planes[1])
    if min(weights[0], weights[2]) >= SPOKEN and bright > 0:
        found["dark_to_bright"] = float(dark / bright)
    return {name: round(found[name], 4) for name in MEASURES if name in found}


def band_shares(noise: NDArray[np.float32]) -> list[float]:
    """Shares of the energy of *noise* (H, W, C) in :data:`BANDS`; blocks lose their planes."""
    blocks, _ = without_planes(blocks_of(noise, BLOCK))
    window = np.hanning(BLOCK + 2)[1:-1, None]
    spectrum = np.fft.fft2(blocks * window[:, None] * window, axes=(1, 2))
    energy = (np.abs(spectrum) ** 2).mean(axis=0).sum(axis=2)
    axis = np.fft.fftfreq(BLOCK)
    radius = np.hypot(axis[:, None], axis)
    parts = [float(energy[(radius >= low) & (radius < high)].sum()) for low, high in BANDS]
    whole = max(sum(parts), 1e-12)
    return [part / whole for part in parts]


def blocks_of(picture: Picture, stride: int) -> Picture:
    """Blocks (N, BLOCK, BLOCK, C) of *picture*, every *stride* pixels."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (BLOCK, BLOCK), axis=(0, 1))
    chosen = windows[::stride, ::stride].transpose(0, 1, 3, 4, 2)
    return chosen.reshape(-1, BLOCK, BLOCK, picture.shape[2])


def without_planes(blocks: Picture) -> tuple[Picture, Picture]:
    """What the best plane leaves of *blocks* (N, S, S, C), and the planes."""
    ramp = np.arange(blocks.shape[1], dtype=np.float32)
    ramp -= ramp.mean()
    square = blocks.shape[1] * float((ramp**2).sum())
    down = np.einsum("nyxc,y->nc", blocks, ramp) / square
    across = np.einsum("nyxc,x->nc", blocks, ramp) / square
    planes = blocks.mean(axis=(1, 2))[:, None, None]
    planes = planes + down[:, None, None] * ramp[None, :, None, None]
    planes = planes + across[:, None, None] * ramp[None, None, :, None]
    return blocks - planes, planes


def flat_parts(picture: Picture) -> tuple[Picture, Picture] | None:
    """Noise and plane of the flattest blocks side by side, (BLOCK, N BLOCK, 3) each.

    Flat is what a plane explains best at a quarter of the size, where noise says little. Blocks
    that clip are left out; ``None`` where all do.
    """
    blocks = blocks_of(picture, BLOCK // 2)
    inside = (blocks.min(axis=(1, 2, 3)) > 2 / 255) & (blocks.max(axis=(1, 2, 3)) < 253 / 255)
    blocks = blocks[inside]
    if not len(blocks):
        return None
    count = len(blocks)
    small = blocks.mean(axis=3).reshape(count, BLOCK // 4, 4, BLOCK // 4, 4).mean(axis=(2, 4))
    rough = np.mean(without_planes(small[..., None])[0] ** 2, axis=(1, 2, 3))
    brightness = blocks.mean(axis=(1, 2, 3))
    taken: list[int] = []
    for low, high in ((0.0, 0.3), (0.3, 0.62), (0.62, 1.0)):
        alike = np.flatnonzero((brightness >= low) & (brightness < high))
        order = alike[np.argsort(rough[alike])]
        taken += order[: math.ceil(FLATTEST * len(alike))].tolist()
    rest, planes = without_planes(blocks[taken])
    return np.concatenate(list(rest), axis=1), np.concatenate(list(planes), axis=1)


def read(source: Any, side: int | None = None, rng: np.random.Generator | None = None) -> Picture:
    """A picture, or *side* pixels of it each way: its middle, or anywhere that *rng* says."""
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    if side:
        free = [max(length - side, 0) for length in picture.size]
        left, top = (int(rng.integers(n + 1)) if rng else n // 2 for n in free)
        picture = picture.crop((left, top, left + side, top + side))
    return np.asarray(picture, np.float32) / 255.0


def files(folder: Path, least: int) -> list[Path]:
    """Pictures of at least *least* pixels each way."""
    found = []
    for file in sorted(folder.iterdir()):
        try:
            with Image.open(file) as opened:
                if min(opened.size) >= least:
                    found.append(file)
        except UnidentifiedImageError:
            continue
    return found


class Cache:
    """Measures by name in a file of JSON lines, or in memory alone."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file and file.is_file() else []
        self.known: dict[str, Any] = dict(json.loads(line) for line in lines)

    def get(self, name: str, measure: Callable[[], Any]) -> Any:
        """What *name* measured, now or before."""
        if name not in self.known:
            self.known[name] = measure()
            if self.file:
                with self.file.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps([name, self.known[name]]) + "\n")
        return self.known[name]


def real_pairs(archive: Path, cache: Cache) -> dict[str, Measured]:
    found = {}
    with tarfile.open(archive) as tar:
        noisy = {Path(m.name).stem: m for m in tar if m.isfile() and "/noisy/" in m.name}
        clean = {Path(m.name).stem: m for m in tar if m.isfile() and "/clean/" in m.name}

        def pair(name: str) -> Measured:
            both = (io.BytesIO(tar.extractfile(part[name]).read()) for part in (noisy, clean))
            picture, truth = (read(data) for data in both)
            return measured(picture - truth, truth)

        for name in sorted(noisy):
            found[name] = cache.get(f"pair {name}", partial(pair, name))
    return found


def camera_photos(folder: Path, cache: Cache) -> dict[str, Measured]:
    def photo(file: Path) -> Measured | None:
        try:
            parts = flat_parts(read(file, REGION))
        except OSError as error:
            print(f"left out: {file.name}: {error}", file=sys.stderr)
            return None
        return None if parts is None or not parts[0].any() else measured(*parts)

    names = files(folder, REGION)
    found = {file.name: cache.get(f"photo {file.name}", partial(photo, file)) for file in names}
    return {name: values for name, values in found.items() if values}


def simulated(folder: Path, draws: int, cache: Cache) -> list[list[Measured | None]]:
    """The measures of every draw, by its noise and by its flat blocks."""
    camera, photos = Camera(), files(folder, SIDE)

    def one(draw: int) -> list[Measured | None]:
        rng = np.random.default_rng((15, draw))
        crop = read(photos[rng.integers(len(photos))], SIDE, rng)
        parameters = camera.sample(rng)
        picture, target = camera.apply(crop, parameters), camera.target(crop, parameters)
        parts = flat_parts(picture)
        # Blocks without any residual, such as clipped sky, tell nothing of noise.
        silent = parts is None or not parts[0].any()
        return [measured(picture - target, target), None if silent else measured(*parts)]

    return [cache.get(f"draw {draw}", partial(one, draw)) for draw in range(draws)]


def compared(real: dict[str, Measured], simulations: list[Measured]) -> dict[str, Any]:
    """Quantiles of both for each measure, and the share of real pictures inside."""
    rows: dict[str, Any] = {}
    for name in MEASURES:
        theirs = {file: m[name] for file, m in real.items() if name in m}
        ours = [m[name] for m in simulations if name in m]
        if not theirs or not ours:
            continue
        low, high = np.quantile(ours, RANGE)
        outside = sorted(file for file, value in theirs.items() if not low <= value <= high)
        rows[name] = {
            "simulated": [round(float(q), 3) for q in np.quantile(ours, QUANTILES)],
            "range": [round(float(low), 3), round(float(high), 3)],
            "real": [round(float(q), 3) for q in np.quantile(list(theirs.values()), QUANTILES)],
            "counts": [len(ours), len(theirs)],
            "inside": round(1.0 - len(outside) / len(theirs), 3),
            "outside": {file: theirs[file] for file in outside},
        }
    return rows


def table(result: dict[str, Any]) -> str:
    heads = {
        "pairs": "real: PolyU pairs, noisy minus clean",
        "photos": "real: photos as cameras wrote them, flat blocks",
    }
    lines: list[str] = []
    for kind, head in heads.items():
        rows = result[kind]
        if lines:
            lines.append("")
        lines += [
            f"| measure, 5 / 50 / 95 % | simulated | {head} | real ones inside |",
            "|---|---:|---:|---:|",
        ]
        for name, row in rows.items():
            both = (" / ".join(f"{v:.2f}" for v in row[side]) for side in ("simulated", "real"))
            inside = round(row["inside"] * row["counts"][1])
            lines.append(
                f"| {MEASURES[name]} | {' | '.join(both)} | {inside} of {row['counts'][1]} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--camera-photos", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=150)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path, default=RESULT)
    parser.add_argument("--write", action="store_true", help="renew the table of the page")
    options = parser.parse_args()
    cache = Cache(options.cache)
    pairs = real_pairs(options.data / "polyu_val.tar", cache)
    draws = simulated(options.photos, options.draws, cache)
    photos = camera_photos(options.camera_photos, cache)
    result = {
        "draws": options.draws,
        "pairs": compared(pairs, [noise for noise, _ in draws if noise]),
        "photos": compared(photos, [flat for _, flat in draws if flat]),
    }
    options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))
    if options.write:
        renew(PAGE, "realism", table(result))


if __name__ == "__main__":
    main()
