"""Measure training runs of the five published systems, and write their tables, curves, pictures.

    python benchmarks/systems.py --runs RUNS --data TESTSETS --faces LFW [--only NAME] [--write]

RUNS holds a folder for each run, named as in ``RUNS_OF`` below; docs/systems/ has the commands
that made them. TESTSETS holds ``cbsd68.tar``, ``live1.tar`` and ``lol_val.tar``; LFW is the pack of
faces, of which only the part that no run has seen is used. Networks are rebuilt from the recipe
inside each checkpoint. With --write the numbers go to benchmarks/results/systems.json and, as
tables, curves and pictures, into docs/systems/.

The protocols are those of ``system_runs.py``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import skimage.data
from matplotlib import pyplot as plt
from PIL import Image
from system_runs import (
    RUNS_OF,
    Case,
    Floats,
    Run,
    as_file,
    cases,
    enhanced,
    images_of_folder,
    load,
    measure,
    shown,
    through_jpeg,
)

from undegrade.degradation import DEGRADATIONS
from undegrade.imaging.resize import imresize
from undegrade.metrics import metric

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "systems"
RESULTS = ROOT / "benchmarks" / "results" / "systems.json"
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
CROP = 160
GAP = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--only", choices=RUNS_OF)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    for system, names in RUNS_OF.items():
        if arguments.only not in (None, system):
            continue
        runs = [load(label, arguments.runs / name) for label, name in names.items()]
        rows = list(measure(system, runs, cases(system, arguments.data, arguments.faces)))
        for row in rows:
            print(f"{row.system:14}{row.model:30}{row.setting:10}{row.metric:20}{row.mean:9.4f}")
        if arguments.write:
            write(system, runs, [asdict(row) for row in rows])


def write(system: str, runs: list[Run], rows: list[dict[str, Any]]) -> None:
    """Renew what docs/systems/ and benchmarks/results/ say of *system*."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    kept = [row for row in kept if row["system"] != system]
    RESULTS.write_text(json.dumps(kept + rows, indent=1) + "\n")
    page = DOCS / f"{system}.md"
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{budget(runs)}\n{table(rows)}\n{END}{after}")
    curves(system, runs)
    Image.fromarray(picture(system, runs)).save(DOCS / f"{system}.png", optimize=True)


def budget(runs: list[Run]) -> str:
    """What each run took."""
    lines = ["| run | parameters | steps | minutes on one core |", "|---|---|---|---|"]
    for run in runs:
        size = sum(p.numel() for p in run.network.parameters())
        lines.append(f"| {run.label} | {size:,} | {run.steps:,} | {run.minutes:.0f} |")
    return "\n".join(lines) + "\n"


def table(rows: list[dict[str, Any]]) -> str:
    """A table with a row for every setting and model, the best of each setting in bold."""
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    lines = [
        "| setting | model | " + " | ".join(metrics) + " |",
        "|---|---|" + "---|" * len(metrics),
    ]
    for setting in dict.fromkeys(row["setting"] for row in rows):
        own = [row for row in rows if row["setting"] == setting]
        for model in dict.fromkeys(row["model"] for row in own):
            cells = [_cell(own, model, name) for name in metrics]
            lines.append(f"| {setting} (n = {own[0]['n']}) | {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(rows: list[dict[str, Any]], model: str, name: str) -> str:
    found = {row["model"]: row["mean"] for row in rows if row["metric"] == name}
    digits = 2 if name in ("psnr", "niqe", "brisque-opencv", "ciede2000", "level left") else 4
    text = f"{found[model]:.{digits}f}"
    if name == "level left":
        return text
    values = [value for label, value in found.items() if label != "input"]
    best = max(values) if metric(name).better == "higher" else min(values)
    return f"**{text}**" if found[model] == best and model != "input" else text


def curves(system: str, runs: list[Run]) -> None:
    """PSNR and LPIPS on the held-out crops against the minutes of each run."""
    mpl.rcParams |= {"svg.hashsalt": "undegrade", "font.size": 9}
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
    for axis, key, unit in zip(axes, ("psnr", "lpips"), ("dB", ""), strict=True):
        for run in runs:
            log = (run.path.parent / "log.jsonl").read_text().splitlines()
            points = [(row["seconds"] / 60, row[key]) for row in map(json.loads, log) if key in row]
            axis.plot(*zip(*points, strict=True), label=run.label, linewidth=1.2)
        axis.set(xlabel="minutes", ylabel=f"{key.upper()} {unit}".strip())
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(DOCS / f"{system}.svg", metadata={"Date": None})
    plt.close(figure)


def picture(system: str, runs: list[Run]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Crops at 1:1 (faces: 2:1): the input, what each run makes of it, the truth."""
    strips = []
    for case in examples(system):
        parts = [shown(case), *(enhanced(run, case.picture) for run in runs), case.truth]
        strips.append([_crop(system, part) for part in parts])
    height, width = strips[0][0].shape[:2]
    sheet = np.full(
        (len(strips) * (height + GAP) - GAP, len(strips[0]) * (width + GAP) - GAP, 3), 255, np.uint8
    )
    for row, strip in enumerate(strips):
        for column, part in enumerate(strip):
            top, left = row * (height + GAP), column * (width + GAP)
            sheet[top : top + height, left : left + width] = part
    return sheet


def _crop(system: str, part: Floats) -> np.ndarray[Any, np.dtype[np.uint8]]:
    pixels = np.rint(np.clip(part, 0, 1) * 255).astype(np.uint8)
    if system == "faces":
        return pixels.repeat(2, 0).repeat(2, 1)
    top, left = ((side - CROP) // 2 for side in pixels.shape[:2])
    return pixels[top : top + CROP, left : left + CROP]


def examples(system: str) -> list[Case]:
    """Pictures in the public domain with the system's damage: those that may be shown here."""
    if system == "faces":
        portrait = skimage.data.astronaut().astype(np.float32)[0:200, 125:325] / 255
        truth = as_file(imresize(portrait, scale=64 / 200))
        return [Case("x4", as_file(imresize(truth, scale=0.25)), truth)]
    found = []
    for index, truth in enumerate(images_of_folder(ROOT / "examples" / "photos" / "truth")):
        height, width = (side // 32 * 32 for side in truth.shape[:2])
        truth = truth[:height, :width]
        if system == "dllgan":
            noise = np.random.RandomState(0).normal(0, 50 / 255, truth.shape)
            damaged = truth + noise.astype(np.float32)
        elif system == "artifact-gan":
            damaged = through_jpeg(truth, 10)
        elif system == "phone":
            operator = DEGRADATIONS["phone"]
            damaged = as_file(operator.apply(truth, operator.sample(np.random.default_rng(index))))
        else:
            settings = {"stops": 3.0, "gamma": 1.2, "gain": 5e-4, "read": 5e-4, "seed": index}
            damaged = as_file(DEGRADATIONS["lowlight"].apply(truth, settings))
        found.append(Case(system, damaged, truth))
    return found


if __name__ == "__main__":
    main()
