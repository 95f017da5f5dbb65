"""Write the tables of docs/results.md from the cards and the stored results.

python benchmarks/results_page.py            rewrite the page
python benchmarks/results_page.py --check    fail when it differs
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pages import renewed

from undegrade.catalog import Card, Catalog, Score
from undegrade.evaluation import read_rows
from undegrade.evaluation.contenders import AUTO

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"
RESULTS = Path(__file__).parent / "results"
BUNDLED = ROOT / "src" / "undegrade" / "catalog" / "models"

METRICS = (
    "Lower is better for LPIPS (features of SqueezeNet, its weights in 16 bit), NIQE, BRISQUE "
    "(OpenCV's model) and CIEDE2000."
)
NAMES = {
    "psnr": "PSNR",
    "psnr-y": "PSNR of Y",
    "ssim": "SSIM",
    "ms-ssim": "MS-SSIM",
    "lpips-squeeze-fp16": "LPIPS",
    "niqe": "NIQE",
    "brisque-opencv": "BRISQUE",
    "ciede2000": "CIEDE2000",
}
"""Metrics as people write them."""


def cards() -> list[Card]:
    return [model.card for model in Catalog(BUNDLED).enhancing.values()]


def models_table() -> str:
    lines = [
        "| model | what it does | parameters | file | s per output MP | in 8 bit | licence |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for card in cards():
        size = (BUNDLED / card.file).stat().st_size / 1e6
        speeds = card.seconds_per_megapixel, card.int8_seconds_per_megapixel
        shown = " | ".join(f"{speed:.2f}" if speed else "" for speed in speeds)
        lines.append(
            f"| `{card.name}` | {card.summary} | {card.parameters:,} | {size:.1f} MB "
            f"| {shown} | {card.licence} |"
        )
    machines = ", ".join(dict.fromkeys(card.machine for card in cards() if card.machine))
    return "\n".join([*lines, "", f"Seconds on {machines}, by `make benchmark`."])


def scores_table() -> str:
    """A line for every model and protocol: the input and the output by each metric."""
    lines = ["| model | protocol | input -> output |", "|---|---|---|"]
    for card in cards():
        for protocol in dict.fromkeys(score.protocol for score in card.scores):
            values = [
                f"{NAMES.get(score.metric, score.metric)} {score.input:.{digits(score)}f} -> "
                f"**{score.value:.{digits(score)}f}**"
                for score in card.scores
                if score.protocol == protocol
            ]
            lines.append(f"| `{card.name}` | {protocol} | {'; '.join(values)} |")
    commands = dict.fromkeys(f"`{card.measured_by}`" for card in cards() if card.measured_by)
    note = f"PSNR in dB, means over whole sets, by {' and '.join(commands)}. {METRICS}"
    return "\n".join([*lines, "", note])


def digits(score: Score) -> int:
    """Three for what lies below 1."""
    return 3 if max(score.input, score.value) < 1 else 2


BESIDE = "What networks do not take, from the start to the file, by `benchmarks/speed.py --beside`:"
MEMORY = "Memory by `benchmarks/memory.py --quick`, on an Intel Xeon of 2 cores:"


def speed_table() -> str:
    result = json.loads((RESULTS / "speed.json").read_text())
    speeds = result["megapixels_per_second"]
    yardstick = speeds["Real-ESRGAN compact x4"]
    lines = ["| network | output MP per second | ratio |", "|---|---:|---:|"]
    lines += [f"| {name} | {v:.2f} | {v / yardstick:.2f} |" for name, v in speeds.items()]
    lines += ["", "| command | seconds |", "|---|---:|"]
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in result["seconds"].items()]
    lines += ["", BESIDE, "", "| JPEG | seconds | networks | beside them |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {one['seconds']:.1f} | {one['networks']:.1f} | {100 * one['beside']:.0f} % |"
        for name, one in result["beside"].items()
    ]
    lines += ["", MEMORY, "", "| photo and task | promised MB | peak MB |", "|---|---:|---:|"]
    for row in json.loads((RESULTS / "memory.json").read_text()):
        lines.append(f"| {row['case']} | {row['promised'] / 1e6:.0f} | {row['peak'] / 1e6:.0f} |")
    note = f"On {result['machine']}, by `make benchmark`."
    return "\n".join([*lines, "", note])


def peers_table() -> str:
    """A line for every setting: the input, what we make of it unasked and told, and peers."""
    rows = [row for row in read_rows(RESULTS / "quality.json") if row.metric == "psnr"]
    ours = {card.name for card in cards()}
    lines = [
        "| protocol and set | setting | input | unasked | told | peers |",
        "|---|---|---:|---:|---:|---|",
    ]
    for protocol, setting in dict.fromkeys((row.protocol, row.setting) for row in rows):
        own = [row for row in rows if (row.protocol, row.setting) == (protocol, setting)]
        if not any(row.model in (*ours, AUTO) for row in own):
            continue
        several = len({row.model for row in own if row.model in ours}) > 1
        cells = ["", "", "", ""]
        for row in own:
            if row.model == AUTO:
                cells[1] = f"**{row.mean:.2f}** ({row.worse} of {row.n} worse)"
            elif row.model in ours:
                whose = f"{row.model} " if several else ""
                cells[2] += f"{', ' if cells[2] else ''}**{whose}{row.mean:.2f}**"
            elif row.model in ("none", "bicubic"):
                cells[0] = f"{row.mean:.2f}"
            elif not row.model.startswith(AUTO):
                cells[3] += f"{', ' if cells[3] else ''}{row.model} {row.mean:.2f}"
        name = protocol.partition(":")[0]
        lines.append(f"| {name} | {setting} | {' | '.join(cells)} |")
    note = (
        "PSNR in dB by the protocol's own channel: of the input, of what `enhance` makes of it "
        "unasked (and how many photos come out more than 0.1 dB worse), and of a network that is "
        "told what there is, or, where the setting says so, an estimate. By `make results`; every "
        "number with SSIM, the "
        "values of each image and the protocol in full: `benchmarks/results/quality.json`."
    )
    return "\n".join([*lines, "", note])


def enlarged_table() -> str:
    """What people enlarge, made four times as large: every metric, of ours and of peers."""
    metrics = ("psnr", "ssim", "lpips-squeeze-fp16", "niqe", "consistency")
    lines = [
        "| set | what | PSNR of Y | SSIM | LPIPS | NIQE | consistency |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    values: dict[tuple[str, str], dict[str, float]] = {}
    for row in read_rows(RESULTS / "quality.json"):
        if row.protocol.startswith("sr-real on ") and row.setting == "x4":
            photos = row.protocol.removeprefix("sr-real on ").partition(":")[0]
            values.setdefault((photos, row.model), {})[row.metric] = row.mean
    for (photos, name), found in values.items():
        cells = [f"{found[one]:.{2 if found[one] > 1 else 3}f}" for one in metrics]
        what = name.replace(AUTO, "`enhance`") if name.startswith(AUTO) else name
        lines.append(f"| {photos} | {what} | {' | '.join(cells)} |")
    note = (
        "`enhance` restores before it enlarges, and is told the size alone; the networks are run "
        "alone. With detail, faces and text are left faithful. Consistency: PSNR of the output, "
        "reduced again, against the input. By `make results`."
    )
    return "\n".join([*lines, "", note])


def rendered(text: str) -> str:
    """The page with its tables renewed."""
    tables = {
        "models": models_table,
        "scores": scores_table,
        "peers": peers_table,
        "enlarged": enlarged_table,
        "speed": speed_table,
    }
    for name, table in tables.items():
        text = renewed(text, name, table())
    return text


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    new = rendered(text)
    if "--check" in sys.argv:
        if new != text:
            sys.exit("tables differ from cards and results: run benchmarks/results_page.py")
        return
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
