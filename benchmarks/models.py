"""Measure the shipped models by more than PSNR; write cards and the pages in docs/models/.

    python benchmarks/models.py --data TESTSETS --faces FACES [--only NAME ...] [--write]

TESTSETS holds ``cbsd68.tar``, ``live1.tar``, ``set5.tar`` and ``lol_val.tar``; FACES is the pack of
faces, of which only LFW's part is used, that no run has seen. Every model is measured beside its
input and, for a vivid one, beside its faithful counterpart. Outputs are clipped and rounded to
8 bit. With --write tables and pictures go into docs/models/, and the scores into the cards of those
that ``quality.py`` does not measure. The pictures show the public-domain photos of ``examples/``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import quality
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from quality import luma, psnr, run_whole
from systems import as_file, centre, images, images_of_folder, through_jpeg

from undegrade import catalog
from undegrade.catalog import Model, Score, write_card
from undegrade.degradation import DEGRADATIONS, imresize
from undegrade.levels import MAX_SIGMA, Levels
from undegrade.metrics import metric
from undegrade.runtime import Network, open_network

Floats = NDArray[np.float32]
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "models"
COMMAND = "python benchmarks/models.py --data TESTSETS --faces FACES --write"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
LPIPS = "lpips-squeeze-fp16"
CROP, GAP = 176, 4


@dataclass(frozen=True)
class Case:
    """A damaged picture, what the network is told of it, and the truth."""

    picture: Floats
    truth: Floats
    levels: tuple[float, ...] = ()

    @property
    def shown(self) -> Floats:
        """The picture at the size of the truth, enlarged by bicubic where it is smaller."""
        scale = self.truth.shape[0] // self.picture.shape[0]
        return as_file(imresize(self.picture, scale=scale)) if scale > 1 else as_file(self.picture)


@dataclass(frozen=True)
class Protocol:
    """Test pictures with their damage, and by what they are judged."""

    name: str
    cases: Callable[[Path, Path], Iterator[Case]]
    metrics: tuple[str, ...]


def enlarged(pack: str, scale: int) -> Callable[[Path, Path], Iterator[Case]]:
    def cases(data: Path, _: Path) -> Iterator[Case]:
        for truth in images(data / f"{pack}.tar", None):
            yield reduced(truth, scale)

    return cases


def reduced(truth: Floats, scale: int) -> Case:
    """*truth* cut to a multiple of *scale*, and an antialiased bicubic reduction of it."""
    height, width = (side // scale * scale for side in truth.shape[:2])
    truth = truth[:height, :width]
    return Case(as_file(imresize(truth, scale=1 / scale)), truth)


def noisy(sigma: float) -> Callable[[Path, Path], Iterator[Case]]:
    def cases(data: Path, _: Path) -> Iterator[Case]:
        for truth in images(data / "cbsd68.tar", None):
            yield with_noise(truth, sigma)

    return cases


def with_noise(truth: Floats, sigma: float) -> Case:
    noise = np.random.RandomState(0).normal(0, sigma / 255, truth.shape).astype(np.float32)
    return Case(truth + noise, truth, (sigma / MAX_SIGMA, 0.0))


def coded(quality: int, told: bool) -> Callable[[Path, Path], Iterator[Case]]:
    def cases(data: Path, _: Path) -> Iterator[Case]:
        for truth in images(data / "live1.tar", None):
            yield with_jpeg(truth, quality, told)

    return cases


def with_jpeg(truth: Floats, quality: int, told: bool) -> Case:
    levels = (0.0, Levels(quality=quality).jpeg) if told else ()
    return Case(through_jpeg(truth, quality), truth, levels)


def dark(data: Path, _: Path) -> Iterator[Case]:
    low, high = (images(data / "lol_val.tar", None, part) for part in ("low", "high"))
    for picture, truth in zip(low, high, strict=True):
        yield Case(picture, truth)


def shot(data: Path, _: Path) -> Iterator[Case]:
    for index, truth in enumerate(images(data / "cbsd68.tar", 24)):
        yield by_phone(truth, index)


def by_phone(truth: Floats, seed: int) -> Case:
    operator = DEGRADATIONS["phone"]
    damage = operator.sample(np.random.default_rng(seed))
    return Case(as_file(operator.apply(truth, damage)), truth)


def portraits(_: Path, faces: Path) -> Iterator[Case]:
    for picture in images(faces, 200, "lfw/"):
        yield reduced(as_file(imresize(centre(picture, 150), scale=64 / 150)), 4)


def in_the_dark(truth: Floats, _: int) -> Case:
    operator = DEGRADATIONS["darkness"]
    damage = {"stops": 3.5, "gamma": 1.2, "gain": 0.001, "read": 0.001, "seed": 0}
    return Case(as_file(operator.apply(truth, damage)), truth)


SR = ("psnr-y", "psnr", LPIPS)
PROTOCOLS: dict[str, list[Protocol]] = {
    "restore": [
        *(
            Protocol(f"CBSD68, noise sigma {s}, unclipped", noisy(s), ("psnr", "ssim", LPIPS))
            for s in (15, 25, 50)
        ),
        *(
            Protocol(
                f"LIVE1 colour, JPEG quality {q}, 4:2:0", coded(q, True), ("psnr", "ssim", LPIPS)
            )
            for q in (10, 20, 40)
        ),
    ],
    **{
        name: [
            Protocol(f"Set5 x{s}, bicubic", enlarged("set5", s), SR),
            Protocol(f"CBSD68 x{s}, bicubic", enlarged("cbsd68", s), SR),
        ]
        for s in (2, 4)
        for name in (f"sr-x{s}", f"sr-x{s}-vivid")
    },
    "restore-vivid": [
        Protocol("CBSD68, noise sigma 25, unclipped", noisy(25), ("psnr", LPIPS)),
        Protocol("LIVE1 colour, JPEG quality 20, 4:2:0", coded(20, True), ("psnr", LPIPS)),
    ],
    **{
        name: [Protocol("LOL validation, 15 pairs, no GT mean", dark, ("psnr", "ssim", LPIPS))]
        for name in ("lowlight", "lowlight-free")
    },
    "phone": [
        Protocol(
            "CBSD68, 24 images, made-up phone damage",
            shot,
            ("psnr", "ssim", "ms-ssim", LPIPS, "ciede2000"),
        )
    ],
    **{
        name: [Protocol("LFW, 200 faces, 16 to 64", portraits, ("psnr", "ssim", LPIPS))]
        for name in ("face-x4", "face-x4-vivid", "face-x4-dcgan")
    },
    "dejpeg-mobile": [
        Protocol(
            f"LIVE1 colour, JPEG quality {q}, 4:2:0",
            coded(q, False),
            ("psnr", "ssim", LPIPS, "brisque-opencv", "niqe"),
        )
        for q in (10, 20, 40)
    ],
}
SHOWN: dict[str, Callable[[Floats, int], Case]] = {
    "restore": lambda truth, index: with_jpeg(truth, 10, True) if index else with_noise(truth, 40),
    "sr-x2": lambda truth, _: reduced(truth, 2),
    "sr-x4": lambda truth, _: reduced(truth, 4),
    "sr-x2-vivid": lambda truth, _: reduced(truth, 2),
    "sr-x4-vivid": lambda truth, _: reduced(truth, 4),
    "restore-vivid": lambda truth, _: with_noise(truth, 40),
    "lowlight": in_the_dark,
    "lowlight-free": in_the_dark,
    "phone": by_phone,
    "dejpeg-mobile": lambda truth, _: with_jpeg(truth, 10, False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(PROTOCOLS))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    shipped = catalog.models()
    for name in options.only:
        if name not in shipped:
            print(f"{name:16}is not shipped")
            continue
        beside = shipped.get(name.removesuffix("-vivid").removesuffix("-dcgan"))
        compared = [shipped[name]] if beside in (None, shipped[name]) else [beside, shipped[name]]
        networks = {m.card.name: open_network(m, precision="fp32") for m in compared}
        scores, tables = [], []
        for protocol in PROTOCOLS[name]:
            found, n = measure(protocol, networks, options.data, options.faces)
            tables.append(table(protocol, found, n))
            print(tables[-1], flush=True)
            for judged in protocol.metrics:
                after, before = (found[who, judged] for who in (name, "input"))
                scores.append(Score(protocol.name, judged, round(after, 4), round(before, 4), n))
        if options.write:
            write(shipped[name], scores, tables, networks)


def measure(
    protocol: Protocol, networks: dict[str, Network], data: Path, faces: Path
) -> tuple[dict[tuple[str, str], float], int]:
    """Means by model and metric, and the number of images."""
    values: dict[tuple[str, str], list[float]] = {}
    judges = {name: judge(name) for name in protocol.metrics}
    count = 0
    for case in protocol.cases(data, faces):
        count += 1
        scale = case.truth.shape[0] // case.picture.shape[0]
        made = {"input": case.shown} | {n: run(network, case) for n, network in networks.items()}
        for who, picture in made.items():
            for name, call in judges.items():
                values.setdefault((who, name), []).append(call(picture, case.truth, scale))
    return {key: float(np.mean(found)) for key, found in values.items()}, count


def judge(name: str) -> Callable[[Floats, Floats, int], float]:
    """A metric of output and truth; borders of the scale are cut for PSNR of enlargements."""
    if name == "psnr-y":

        def of_luma(picture: Floats, truth: Floats, scale: int) -> float:
            inside = (slice(scale, -scale), slice(scale, -scale))
            return psnr(luma(picture)[inside], luma(truth)[inside])

        return of_luma
    found = metric(name)
    alone = found.needs == "nothing"
    return lambda picture, truth, _: found(picture) if alone else found(picture, truth)


def run(network: Network, case: Case) -> Floats:
    """What the network makes of a case, as an 8-bit file holds it."""
    return as_file(run_whole(network, case.picture.astype(np.float32), case.levels))


def table(protocol: Protocol, found: dict[tuple[str, str], float], n: int) -> str:
    """Markdown: a row for the input and each model."""
    lines = [
        f"| {protocol.name} (n = {n}) | " + " | ".join(protocol.metrics) + " |",
        "|---|" + "---:|" * len(protocol.metrics),
    ]
    for who in dict.fromkeys(key[0] for key in found):
        cells = [f"{found[who, name]:.{digits(name)}f}" for name in protocol.metrics]
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def digits(name: str) -> int:
    return 4 if "ssim" in name or "lpips" in name else 2


def write(
    model: Model, scores: list[Score], tables: list[str], networks: dict[str, Network]
) -> None:
    """Renew the card, the page and its picture."""
    name = model.card.name
    card = model.card
    if name not in quality.PROTOCOLS:
        card = replace(card, scores=tuple(scores), measured_by=COMMAND)
        model.path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
    page = DOCS / f"{name}.md"
    text = page.read_text() if page.exists() else f"# {name}\n\n{card.summary}.\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    facts = (
        f"{card.parameters:,} parameters, {model.path.stat().st_size / 1e6:.1f} MB, "
        f"{card.gflop_per_megapixel:.0f} GFLOP per megapixel of output. Licence: {card.licence}. "
        f"Trained on: {card.training_data}. How: {card.recipe}.\n"
    )
    order = ["the input", *networks, "the truth"]
    strip = f"![{', '.join(order)}]({name}.png)\n\nFrom left to right: {', '.join(order)}.\n"
    command = f"Measured by `{COMMAND}`:\n"
    body = "\n".join([facts, command, *tables, strip])
    page.write_text(f"{before}{BEGIN}\n{body}{END}{rest.partition(END)[2]}")
    Image.fromarray(sheet(name, networks)).save(DOCS / f"{name}.png", optimize=True)


def sheet(name: str, networks: dict[str, Network]) -> NDArray[Any]:
    """Crops at 1:1 (faces: 2:1): the input, what each network makes of it, the truth."""
    strips = []
    for case in examples(name):
        parts = [case.shown, *(run(network, case) for network in networks.values()), case.truth]
        strips.append([cut(part) for part in parts])
    height, width = strips[0][0].shape[:2]
    size = len(strips) * (height + GAP) - GAP, len(strips[0]) * (width + GAP) - GAP, 3
    whole = np.full(size, 255, np.uint8)
    for row, strip in enumerate(strips):
        for column, part in enumerate(strip):
            top, left = row * (height + GAP), column * (width + GAP)
            whole[top : top + height, left : left + width] = part
    return whole


def examples(name: str) -> list[Case]:
    if name.startswith("face"):
        portrait = skimage.data.astronaut().astype(np.float32)[0:200, 125:325] / 255
        return [reduced(as_file(imresize(portrait, scale=64 / 200)), 4)]
    truths = images_of_folder(ROOT / "examples" / "photos" / "truth")
    return [SHOWN[name](truth, index) for index, truth in enumerate(truths)]


def cut(part: Floats) -> NDArray[np.uint8]:
    pixels = np.rint(np.clip(part, 0, 1) * 255).astype(np.uint8)
    if min(pixels.shape[:2]) < CROP:
        return pixels.repeat(2, 0).repeat(2, 1)
    top, left = ((side - CROP) // 2 for side in pixels.shape[:2])
    return pixels[top : top + CROP, left : left + CROP]


if __name__ == "__main__":
    main()
