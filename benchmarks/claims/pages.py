"""The measured part of a system's page: answers, tables, curves and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import vl_convert
from benchmarks.claims.registration import Case, Claim, Study
from benchmarks.claims.runs import Finished, found
from benchmarks.claims.scores import LEVEL, better, enlarged, generator
from benchmarks.pages import renew
from benchmarks.pictures import sheet
from numpy.typing import NDArray
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs" / "systems"
CROP = 160
TWO_DIGITS = {"psnr", "psnr-gt-mean", "niqe", "brisque-opencv", "ciede2000", LEVEL}

Pixels = NDArray[np.uint8]


def write(claim: Claim, results: Path, home: Path, seed: int) -> None:
    """Renew the page of *claim* from the JSON in *results* and the runs of *seed* in *home*."""
    kept = json.loads((results / f"{claim.system}.json").read_text())["budgets"]
    parts = [measured(claim, budget, told) for budget, told in kept.items()]
    renew(DOCS / f"{claim.system}.md", "measured", "".join(parts))
    study = claim.studies[0]
    budget = next((b for b, told in kept.items() if _has(told, study)), None)
    if budget is not None:
        made = {arm.label: found(study, arm, seed, budget, home) for arm in study.shown}
        runs = {label: run for label, run in made.items() if run is not None}
        (DOCS / f"{claim.system}.svg").write_text(curves(runs))
        sheet = picture(claim.examples(), list(runs.values()), claim.zoom)
        Image.fromarray(sheet).save(DOCS / f"{claim.system}.png", optimize=True)


def measured(claim: Claim, budget: str, told: dict[str, Any]) -> str:
    """Markdown: the questions with their answers, and a table for every study."""
    lines = [
        f"**At {budget} for every arm: {told['verdict']}.**\n",
        "| question | metric | gain | 95 % | worth the name from | answer |",
        "|---|---|---:|---:|---:|---|",
    ]
    for one in told["answers"]:
        cells = [one["question"], one["metric"], f"{one['mean']:+.4g}"]
        answer = one["answer"] if one["decides"] else f"({one['answer']})"
        cells += [f"{one['low']:+.4g} .. {one['high']:+.4g}", f"{one['least']:g}", answer]
        lines.append("| " + " | ".join(cells) + " |")
    critics = [f"{row['critic']:.3f}" for row in told["runs"] if "critic" in row]
    if critics:
        lines += [
            "",
            f"Loss of each critic after its own stage: {', '.join(critics)}; chance is 0.693.",
        ]
    for study in claim.studies:
        if _has(told, study):
            lines += ["", *table(study, [r for r in told["runs"] if r["study"] == study.name])]
    return "\n".join(lines) + "\n\n"


def table(study: Study, rows: list[dict[str, Any]]) -> list[str]:
    """A row for every setting and arm: means over pictures and seeds, the best in bold."""
    metrics = list(next(iter(rows[0]["scores"].values())))
    lines = [f"| {study.name} | arm | steps | minutes | " + " | ".join(metrics) + " |"]
    lines.append("|---|---|---:|---:|" + "---:|" * len(metrics))
    labels = ["input", *(arm.label for arm in study.shown), "truth"]
    for setting in rows[0]["scores"]:
        means = {label: _means(rows, label, setting, metrics) for label in labels}
        for label in labels:
            own = [row for row in rows if row["arm"] == label]
            took = [
                f"{np.mean([row[key] for row in own]):,.{digits}f}" if "seed" in own[0] else ""
                for key, digits in (("steps", 0), ("minutes", 1))
            ]
            cells = [_cell(means, label, name) for name in metrics]
            count = len(rows[0]["scores"][setting][metrics[0]])
            where = f"{setting} (n = {count})"
            lines.append(f"| {where} | {label} | " + " | ".join(took + cells) + " |")
    return lines


def _means(
    rows: list[dict[str, Any]], label: str, setting: str, metrics: list[str]
) -> dict[str, float]:
    own = [row["scores"][setting] for row in rows if row["arm"] == label]
    return {name: float(np.mean([scores[name] for scores in own])) for name in metrics}


def _cell(means: dict[str, dict[str, float]], label: str, name: str) -> str:
    text = f"{means[label][name]:.{2 if name in TWO_DIGITS else 4}f}"
    if label in ("input", "truth") or name == LEVEL:
        return text
    arms = [value[name] for key, value in means.items() if key not in ("input", "truth")]
    return (
        f"**{text}**" if means[label][name] == max(arms, key=lambda v: better(name) * v) else text
    )


def _has(told: dict[str, Any], study: Study) -> bool:
    return any(row["study"] == study.name for row in told["runs"])


def sentence(one: dict[str, Any]) -> str:
    """A question and its answer in a line."""
    interval = f"{one['mean']:+.4g} ({one['low']:+.4g} .. {one['high']:+.4g}) {one['metric']}"
    return f"{one['question']}: {interval}, worth the name from {one['least']:g}: {one['answer']}"


def curves(runs: dict[str, Finished]) -> str:
    """PSNR and LPIPS on the held-out crops against the minutes of each run, as SVG."""
    points = []
    for label, run in runs.items():
        log = map(json.loads, (run.folder / "log.jsonl").read_text().splitlines())
        rows = [row for row in log if "psnr" in row]
        # A run that goes on from another one counts its minutes, too: its own begin here.
        first = rows[-1]["seconds"] / 60 - run.minutes if rows else 0.0
        points += [
            {"arm": label, "minutes": row["seconds"] / 60 - first, "score": name, "value": row[key]}
            for row in rows
            for key, name in (("psnr", "PSNR, dB"), ("lpips", "LPIPS"))
            if key in row
        ]
    scale = {"zero": False}
    spec = {
        "data": {"values": points},
        "facet": {"column": {"field": "score", "title": None, "sort": "descending"}},
        "spec": {
            "mark": {"type": "line", "point": {"size": 12}},
            "width": 300,
            "height": 180,
            "encoding": {
                "x": {"field": "minutes", "type": "quantitative"},
                "y": {"field": "value", "type": "quantitative", "scale": scale, "title": None},
                "color": {"field": "arm", "sort": list(runs), "title": None},
            },
        },
        "resolve": {"scale": {"y": "independent"}},
    }
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn


def picture(cases: list[Case], runs: list[Finished], zoom: int) -> Pixels:
    """Crops of each case in a row: the input, what each run makes of it, the truth."""
    enhance = [generator(run) for run in runs]
    strips = []
    for case in cases:
        parts = [enlarged(case), *(one(case.picture) for one in enhance), case.truth]
        strips.append([_crop(part, zoom) for part in parts])
    return sheet(strips)


def _crop(part: Any, zoom: int) -> Pixels:
    pixels: Pixels = np.rint(np.clip(part, 0, 1) * 255).astype(np.uint8)
    side = CROP // zoom
    top, left = (max(0, length - side) // 2 for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side].repeat(zoom, 0).repeat(zoom, 1)
