"""Measure our models, the untouched inputs and peers on the public test sets.

    python benchmarks/results.py --data DIR [--peers DIR] [--cache DIR] [--only PROTOCOL ...]
                                 [--limit N] [--json FILE]

DIR of --data holds ``set5.tar``, ``live1.tar``, ``cbsd68.tar``, ``polyu_val.tar`` and
``lol_val.tar``, or folders of those names; that of --peers the ONNX files of other projects, of
which those that are missing are left out. Rows go to benchmarks/results/quality.json after each
set, or to --json, in place of former ones of the same protocol, set and setting; with --limit only
to --json. What has been measured is kept in the folder of --cache, so that a run that was stopped
goes on.

The pairs of ``lol_val`` are out of LOL's training part: peers that were trained on LOL have seen
them, and their scores there say nothing of pictures that they have not seen.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from undegrade.cli.evaluate import show
from undegrade.evaluation import Cache, Row, evaluate, make_plan, read_rows, write_rows
from undegrade.evaluation.protocols import Parameter

RESULTS = Path(__file__).parent / "results" / "quality.json"


@dataclass(frozen=True)
class Job:
    """One protocol on one set."""

    protocol: str
    data: str
    ours: tuple[str, ...]
    peers: tuple[str, ...] = ()
    parameter: Parameter | None = None
    values: tuple[float, ...] = ()
    """Settings, where not the protocol's usual ones."""
    metrics: tuple[str, ...] = ()
    """Where not the protocol's usual ones."""
    details: tuple[float, ...] = (0.0,)
    """With how much of it ``auto`` is measured."""


# The quick ones first: a run that is stopped has something to show.
JOBS = (
    Job("sr-bicubic", "set5", ("sr-x2",), ("sr-imdn-x2", "sr-vdsr-onY"), "scale", (2,)),
    Job("sr-bicubic", "set5", (), ("sr-vdsr-onY",), "scale", (3,)),
    Job(
        "sr-bicubic",
        "set5",
        ("sr-x4",),
        ("sr-imdn-x4", "sr-rfdn-x4", "sr-vdsr-onY", "sr-srgan-leftthomas-x4", "sr-upscayl-lite-x4"),
        "scale",
        (4,),
    ),
    *(
        Job(
            "sr-real",
            data,
            ("auto", f"sr-x{scale}", *vivid),
            peers,
            "scale",
            (scale,),
            ("psnr", "ssim", "lpips-squeeze-fp16", "niqe", "consistency"),
            (0.0, 1.0) if vivid else (0.0,),
        )
        for data in ("live1", "cbsd68")
        for scale, vivid, peers in (
            (2, (), ("sr-imdn-x2",)),
            (
                4,
                ("sr-x4-vivid",),
                ("sr-imdn-x4", "sr-srgan-leftthomas-x4", "sr-upscayl-lite-x4"),
            ),
        )
    ),
    Job(
        "lol",
        "lol_val",
        (),
        (
            "lowlight-zerodce",
            "lowlight-sci-medium",
            "lowlight-ruas-lol",
            "lowlight-iat-lolv1",
            "lowlight-lytnet-lolv1",
        ),
    ),
    Job(
        "real-noise",
        "polyu_val",
        ("auto", "restore"),
        ("denoise-ffdnet-color", "denoise-dncnn-color-blind"),
    ),
    Job(
        "camera",
        "cbsd68",
        ("auto", "restore"),
        ("denoise-ffdnet-color", "denoise-dncnn-color-blind"),
    ),
    Job("jpeg-color", "live1", ("auto", "restore")),
    Job("denoise-real", "cbsd68", ("auto", "restore"), ("denoise-ffdnet-color",)),
    Job("jpeg-gray", "live1", ("restore",), ("gray-dncnn3",)),
    Job(
        "denoise-color",
        "cbsd68",
        ("restore",),
        ("denoise-ffdnet-color", "denoise-dncnn-color-blind"),
    ),
    Job("denoise-gray", "cbsd68", ("restore",), ("gray-dncnn3",)),
)


def measure(job: Job, data: Path, peers: Path | None, limit: int | None, cache: Cache) -> list[Row]:
    """The rows of one job, which are shown on stderr too."""
    models = list(job.ours)
    for name in job.peers:
        file = peers / f"{name}.onnx" if peers else None
        if file and file.is_file():
            models.append(str(file))
        else:
            print(f"left out: {name}", file=sys.stderr)
    source = data / job.data
    plan = make_plan(
        models,
        job.protocol,
        source if source.is_dir() else source.with_suffix(".tar"),
        parameters={job.parameter: job.values} if job.parameter else {},
        details=job.details,
        metrics=job.metrics,
        limit=limit,
    )
    outcome = evaluate(plan, cache=cache, failed=lambda failure: print(failure, file=sys.stderr))
    show(outcome.rows, outcome.notes)
    return outcome.rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--only", nargs="*", choices=sorted({job.protocol for job in JOBS}))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    target = options.json or (None if options.limit else RESULTS)
    cache = Cache(options.cache)
    before = read_rows(target) if target and target.is_file() else []
    rows: list[Row] = []
    for job in JOBS:
        if options.only is None or job.protocol in options.only:
            rows += measure(job, options.data, options.peers, options.limit, cache)
            if target:
                write_rows(merged(before, rows), target)


def merged(before: list[Row], rows: list[Row]) -> list[Row]:
    """*rows*, and of those *before* what they do not measure anew."""

    def place(row: Row) -> tuple[str, str]:
        return row.protocol.partition(":")[0], row.setting

    anew = set(map(place, rows))
    return [*(row for row in before if place(row) not in anew), *rows]


if __name__ == "__main__":
    main()
