"""Measure the shipped models; write the scores into their cards and pages in docs/models/.

    python benchmarks/cards.py --data TESTSETS --faces FACES [--only NAME ...] [--write]
                               [--cache FOLDER]

TESTSETS holds ``cbsd68.tar``, ``live1.tar``, ``set5.tar`` and ``lol_val.tar``; FACES is the pack of
faces, of which only LFW's part is used, that no run has seen: the central 150 pixels of the first
200. Everything is measured by the protocols of ``undegrade evaluate``, gates and all, each model
beside its input and, a vivid or fast one, beside the faithful one; one that runs behind another
network as ``enhance`` has it. With --write tables and pictures go into docs/models/ and the scores
into the cards; what has been measured is kept in the folder of --cache. The pictures show the
public-domain photos of ``examples/``.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from numpy.typing import NDArray
from pages import change_card, renew
from pictures import sheet
from PIL import Image

from undegrade.catalog import Catalog, Model, Score
from undegrade.evaluation import Cache, Row, cases, evaluate, make_plan
from undegrade.evaluation.cases import Case, Contender, as_bytes
from undegrade.evaluation.contenders import AUTO, BASELINES, open_contenders
from undegrade.evaluation.protocols import Parameter
from undegrade.evaluation.sets import Photo, open_set
from undegrade.levels import Levels

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "models"
COMMAND = "python benchmarks/cards.py --data TESTSETS --faces FACES --write"
LPIPS = "lpips-squeeze-fp16"
CROP = 176
FACES, FACE = 200, 150
"""How many faces, and the side of the part that shows the face, in pixels."""


@dataclass(frozen=True)
class Job:
    """One protocol on one set."""

    protocol: str
    data: str
    metrics: tuple[str, ...] = ("psnr", "ssim", LPIPS)
    parameters: Mapping[Parameter, Sequence[float]] = field(default_factory=dict)
    """Of which values; by default the protocol's usual ones."""


PHONE = ("psnr", "ssim", "ms-ssim", LPIPS, "ciede2000")
QUALITIES = {"jpeg": (10, 20, 30, 40)}
JOBS: dict[str, tuple[Job, ...]] = {
    **{
        name: (
            Job("denoise-color", "cbsd68", parameters={"noise": (15, 25, 50)}),
            Job("jpeg-color", "live1", parameters=QUALITIES),
        )
        for name in ("restore", "restore-fast")
    },
    "restore-vivid": (
        Job("denoise-color", "cbsd68", parameters={"noise": (25,)}),
        Job("jpeg-color", "live1", parameters={"jpeg": (20,)}),
    ),
    **{
        name: tuple(
            Job("sr-bicubic", data, parameters={"scale": (scale,)}) for data in ("set5", "cbsd68")
        )
        for name, scale in (("sr-x2", 2), ("sr-x4", 4), ("sr-x4-vivid", 4))
    },
    "sr-x4-vivid-restored": tuple(
        Job("sr-real", data, parameters={"scale": (4,)}) for data in ("live1", "cbsd68")
    ),
    **{name: (Job("lol", "lol_val"),) for name in ("lowlight", "lowlight-free")},
    "fade": (Job("fade", "cbsd68", ("psnr", "ssim", LPIPS, "ciede2000")),),
    "phone": (Job("phone-synthetic", "cbsd68", PHONE),),
    **{name: (Job("face-x4", "faces"),) for name in ("face-x4", "face-x4-vivid")},
    "dejpeg-mobile": (
        Job(
            "jpeg-color",
            "live1",
            ("psnr", "ssim", LPIPS, "brisque-opencv", "niqe"),
            {"jpeg": (10, 20, 40)},
        ),
    ),
}

WITHIN = {"sr-x4-vivid-restored": ("enhance --detail 1", f"{AUTO} detail 1")}
"""What runs behind another network is measured as ``enhance`` has it: what a user types, and the
name of the contender."""

SHOWN: dict[str, Callable[[Photo, int], Case]] = {
    **{
        name: lambda photo, n: cases.coded(photo, 10) if n else cases.noisy(photo, 40)
        for name in ("restore", "restore-fast")
    },
    "restore-vivid": lambda photo, _: cases.noisy(photo, 40),
    "sr-x2": lambda photo, _: cases.reduced(photo, 2),
    "sr-x4": lambda photo, _: cases.reduced(photo, 4),
    "sr-x4-vivid": lambda photo, _: cases.reduced(photo, 4),
    "sr-x4-vivid-restored": lambda photo, _: cases.reduced_for_real(photo, 4),
    "lowlight": lambda photo, _: cases.degraded(photo, "lowlight", DARK),
    "lowlight-free": lambda photo, _: cases.degraded(photo, "lowlight", DARK),
    "fade": lambda photo, _: cases.drawn(photo, "fade"),
    "phone": lambda photo, _: cases.drawn(photo, "phone"),
    "dejpeg-mobile": lambda photo, _: cases.coded(photo, 10),
}
DARK = {"stops": 3.5, "gamma": 1.2, "gain": 0.001, "read": 0.001, "seed": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(JOBS))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    cache, shipped = Cache(options.cache), Catalog().enhancing
    with tempfile.TemporaryDirectory() as folder:
        faces = Path(folder) / "faces"
        if any(job.data == "faces" for name in options.only for job in JOBS[name]):
            cut_faces(options.faces, faces)
        for name in options.only:
            beside = name.removesuffix("-vivid").removesuffix("-fast")
            models, details = list(dict.fromkeys((beside, name))), [0.0]
            if name in WITHIN:
                models, details = [AUTO], [0.0, 1.0]
            rows: list[Row] = []
            for job in JOBS[name]:
                data = faces if job.data == "faces" else options.data / f"{job.data}.tar"
                plan = make_plan(
                    models,
                    job.protocol,
                    data,
                    parameters=job.parameters,
                    details=details,
                    metrics=job.metrics,
                )
                rows += evaluate(plan, cache=cache).rows
            tables = [table(rows, *key) for key in settings(rows)]
            print("\n".join(tables), flush=True)
            if options.write:
                write(shipped[name], rows, tables, open_contenders(models, details=details))


def cut_faces(pack: Path, folder: Path) -> None:
    """The central pixels of the first pictures of LFW in *pack*, as PNGs in *folder*."""
    folder.mkdir()
    with tarfile.open(pack) as tar:
        for name in sorted(m.name for m in tar if m.isfile() and "lfw/" in m.name)[:FACES]:
            file: Any = tar.extractfile(name)
            picture = Image.open(io.BytesIO(file.read())).convert("RGB")
            left, top = ((side - FACE) // 2 for side in picture.size)
            whole = picture.crop((left, top, left + FACE, top + FACE))
            whole.save(folder / f"{Path(name).stem}.png")


def settings(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Protocols with their settings, each once."""
    return list(dict.fromkeys((row.protocol, row.setting) for row in rows))


def title(row: Row) -> str:
    """Protocol, set and setting, as cards and tables name them."""
    return f"{row.protocol.partition(':')[0]}, {row.setting}"


def table(rows: Sequence[Row], protocol: str, setting: str) -> str:
    """Markdown: a row for the input and each model."""
    own = [row for row in rows if (row.protocol, row.setting) == (protocol, setting)]
    names = dict.fromkeys(row.metric for row in own)
    lines = [
        f"| {title(own[0])} (n = {own[0].n}) | " + " | ".join(names) + " |",
        "|---|" + "---:|" * len(names),
    ]
    for who in dict.fromkeys(row.model for row in own):
        values = [f"{row.mean:.{digits(row.metric)}f}" for row in own if row.model == who]
        lines.append(f"| {'input' if who in BASELINES else who} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def digits(name: str) -> int:
    return 4 if "ssim" in name or "lpips" in name else 2


def scores(rows: Sequence[Row], name: str) -> tuple[Score, ...]:
    """What the card of the model called *name* says."""
    by, who = WITHIN.get(name, ("", name))
    before = {
        (row.protocol, row.setting, row.metric): row for row in rows if row.model in BASELINES
    }
    return tuple(
        Score(
            f"{title(row)}, {by}" if by else title(row),
            row.metric,
            round(row.mean, 4),
            round(before[row.protocol, row.setting, row.metric].mean, 4),
            row.n,
        )
        for row in rows
        if row.model == who
    )


def write(
    model: Model, rows: Sequence[Row], tables: Sequence[str], networks: Sequence[Contender]
) -> None:
    """Renew the card, the page and its picture."""
    name = model.card.name
    change_card(model, scores=scores(rows, name), measured_by=COMMAND)
    card, page = model.card, DOCS / f"{name}.md"
    if not page.exists():
        page.write_text(f"# {name}\n\n{card.summary}.\n\n<!-- measured -->\n\n<!-- /measured -->\n")
    facts = (
        f"{card.parameters:,} parameters, {model.path.stat().st_size / 1e6:.1f} MB, "
        f"{card.gflop_per_megapixel:.0f} GFLOP per megapixel of output. Licence: {card.licence}. "
        f"Trained on: {card.training_data}. How: {card.recipe}.\n"
    )
    order = ["the input", *(network.name for network in networks), "the truth"]
    strip = f"![{', '.join(order)}]({name}.png)\n\nFrom left to right: {', '.join(order)}.\n"
    body = "\n".join([facts, f"Measured by `{COMMAND}`:\n", *tables, strip])
    renew(page, "measured", body)
    Image.fromarray(shown(name, networks)).save(DOCS / f"{name}.png", optimize=True)


def shown(name: str, networks: Sequence[Contender]) -> NDArray[Any]:
    """Crops at 1:1 (faces: 2:1): the input, what each network makes of it, the truth."""
    strips = []
    for case in examples(name):
        assert case.truth is not None
        made = [network.run(case, case.levels or Levels()).picture for network in networks]
        parts = [as_bytes(cases.enlarged(case)), *map(as_bytes, made), case.truth]
        strips.append([cut(part) for part in parts])
    return sheet(strips)


def examples(name: str) -> list[Case]:
    if name.startswith("face"):
        with tempfile.TemporaryDirectory() as folder:
            portrait = skimage.data.astronaut()[0:200, 125:325]
            Image.fromarray(portrait).save(Path(folder) / "portrait.png")
            return [cases.face(open_set(Path(folder)).items[0].read(), 64, 4)]
    photos = open_set(ROOT / "examples" / "photos" / "truth").items
    return [SHOWN[name](item.read(), index) for index, item in enumerate(photos)]


def cut(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if min(part.shape[:2]) < CROP:
        return part.repeat(2, 0).repeat(2, 1)
    top, left = ((side - CROP) // 2 for side in part.shape[:2])
    return part[top : top + CROP, left : left + CROP]


if __name__ == "__main__":
    main()
