"""Measure how well the diagnosis network reads photos that it was never trained on.

    python benchmarks/diagnosis.py --data DIR [--model FILE.onnx] [--limit N] [--write]

DIR holds ``cbsd68.tar``, ``live1.tar``, ``set5.tar`` and ``lol_val.tar`` (or folders of those
names). Damage is made by the operators on arrays and by Pillow, as 8-bit pictures without a file's
quantisation tables: what is found, is found in the pixels. "Half the mid level" is level 0.25 of
an operator, whose level 1 is the worst that is trained on; see ``undegrade/degradation``.

"Lost by not knowing" is what the restorer's output loses in PSNR, over the same set, where it is
told what the diagnosis finds (nothing, and then it is not run, where nothing is found) instead of
the truth. "Gained" is what the plan makes of JPEGs that were resized after coding, and of photos
that lack detail, in PSNR over leaving them alone; "as sharp" is their mean gradient then, as a
multiple of that before.

With --write the rows go to ``benchmarks/results/diagnosis.json`` and the scores into the card.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from cases import noisy_photo
from coded import coded_quality
from diagnosis_cases import Floats, Measure, Patient, damaged, load, mean
from diagnosis_plan import blind_rows, resized_rows, soft_rows
from pages import change_card

from undegrade.catalog import Catalog, Score
from undegrade.degradation import DEGRADATIONS, phone
from undegrade.degradation.lowlight import WORST_STOPS
from undegrade.diagnosis import NAME, diagnose, open_reader
from undegrade.evaluation.provenance import machine
from undegrade.imaging.jpeg_tables import quality_of_level
from undegrade.imaging.resize import imresize
from undegrade.imaging.srgb import MID_GREY, MID_GREY_SLOPE
from undegrade.picture import Encoding, decode
from undegrade.training.degradations.real import HELD_OUT

RESULT = Path(__file__).parent / "results" / "diagnosis.json"
COMMAND = "python benchmarks/diagnosis.py --data DIR --write"

SETS = ("cbsd68", "live1", "set5", "lol_val/high")
SIGMAS = (0, 5, 10, 15, 25, 35, 50)
QUALITIES = tuple(range(10, 91, 10))
HALF_OF_MID = 0.25
CLEAN_SHARE, FOUND_SHARE = 0.97, 0.95
SIGMA_ERROR, QUALITY_ERROR, SECONDS = 1.5, 5.0, 0.15
LEAST_CAMERA, MOST_CAMERA, CAMERA_ERROR = 2.0, 30.0, 2.0


def errors(
    look: Patient,
    truths: Iterable[Floats],
    harm: Callable[[Floats], Floats],
    quantity: str,
    to: float,
) -> list[float]:
    """Absolute errors of *quantity*, which *harm* makes *to*, one for each image."""
    return [abs(look(harm(t)).findings()[quantity].value - to) for t in truths]


def noise_rows(look: Patient, name: str, truths: list[Floats]) -> list[Measure]:
    found, rows = [], []
    for sigma in SIGMAS:

        def harm(image: Floats, sigma: float = sigma) -> Floats:
            return damaged(image, "gaussian-noise", sigma=float(sigma))

        found.append(errors(look, truths, harm, "noise", sigma))
        protocol = f"{name}, noise sigma {sigma}, clipped"
        rows.append(Measure(protocol, "sigma error", mean(found[-1]), SIGMA_ERROR, len(truths)))
    overall = Measure(
        f"{name}, noise sigma 0..50, clipped",
        "sigma error",
        mean([mean(values) for values in found]),
        SIGMA_ERROR,
        len(truths),
    )
    return [overall, *rows]


def sensor_row(look: Patient, name: str, truths: list[Floats]) -> Measure:
    """A sensor's noise, against its root mean square as it lies in the photo."""
    found = []
    for truth in truths:
        noisy = damaged(truth, "poisson-gaussian-noise", gain=0.02, read=0.02)
        strength = 255 * float(np.sqrt(np.mean((np.clip(noisy, 0, 1) - truth) ** 2)))
        found.append(abs(look(noisy).noise.value - strength))
    return Measure(f"{name}, sensor noise", "sigma error", mean(found), SIGMA_ERROR, len(truths))


def camera_row(look: Patient, name: str, truths: list[Floats]) -> Measure:
    """Camera noise of kinds that training never drew, root mean square 2 to 30, coded.

    Read is the root mean square over the photo; the truth is the difference of a shot and
    the mean of many by the same camera, before coding.
    """
    found = []
    for index, truth in enumerate(truths):
        rng = np.random.default_rng(index)
        shot = DEGRADATIONS["camera"].sample(rng) | {
            "demosaic": HELD_OUT["demosaic"],
            "denoiser": HELD_OUT["denoiser"],
        }
        fine = DEGRADATIONS["camera"].apply(truth, shot | {"quality": 100, "subsampling": "4:4:4"})
        noise = fine - DEGRADATIONS["camera"].target(truth, shot)
        strength = 255 * float(np.sqrt(np.mean(noise**2)))
        if LEAST_CAMERA <= strength <= MOST_CAMERA:
            verdict = look(DEGRADATIONS["camera"].apply(truth, shot))
            found.append(verdict.noise.value - strength)
    protocol = f"{name}, camera noise of unseen kinds, rms 2..30, coded"
    error = float(np.sqrt(np.mean(np.square(found))))
    return Measure(protocol, "root mean square error", error, CAMERA_ERROR, len(found))


def jpeg_rows(look: Patient, name: str, truths: list[Floats]) -> list[Measure]:
    """JPEG saved again as PNG: whole, cropped off the grid, coded twice, resized."""

    def coded(image: Floats, quality: int) -> Floats:
        return damaged(image, "jpeg", quality=quality)

    ways: dict[str, tuple[Callable[[Floats, int], Floats], float]] = {
        "as PNG": (coded, QUALITY_ERROR),
        "as PNG, cropped by 3 and 5": (lambda t, q: coded(t, q)[3:, 5:], QUALITY_ERROR),
        "then 92, as PNG": (lambda t, q: coded(coded(t, q), 92), QUALITY_ERROR),
        "resized by 0.75": (lambda t, q: imresize(coded(t, q), scale=0.75), np.inf),
    }
    rows = []
    for way, (harm, bound) in ways.items():
        found = []
        for q in QUALITIES:
            found.append(errors(look, truths, lambda t, q=q, h=harm: h(t, q), "jpeg", q))
            if way == "as PNG":
                protocol = f"{name}, JPEG quality {q} {way}"
                rows.append(Measure(protocol, "quality error", mean(found[-1]), bound, len(truths)))
        protocol = f"{name}, JPEG quality 10..90 {way}"
        rows.append(
            Measure(
                protocol,
                "quality error",
                mean([mean(values) for values in found]),
                bound,
                len(truths),
            )
        )
    return rows


QUARTER_PHONE = {
    "blur": HALF_OF_MID * phone.WORST_BLUR,
    "gain": (HALF_OF_MID * phone.WORST_NOISE / 255 / MID_GREY_SLOPE) ** 2 / MID_GREY,
    "red": HALF_OF_MID * phone.WORST_CAST,
    "blue": -HALF_OF_MID * phone.WORST_CAST,
    "tone": HALF_OF_MID * phone.WORST_TONE,
    "sharpen": HALF_OF_MID * phone.WORST_SHARPEN,
    "quality": round(quality_of_level(HALF_OF_MID)),
}
"""What the phone operator takes for a level of 0.25."""

HALVES: dict[str, tuple[Callable[[Floats], Floats], tuple[str, ...]]] = {
    "noise sigma 12.5": (lambda t: damaged(t, "gaussian-noise", sigma=12.5), ("noise",)),
    "JPEG quality 89 as PNG": (
        lambda t: damaged(t, "jpeg", quality=round(quality_of_level(HALF_OF_MID))),
        ("jpeg",),
    ),
    "blur sigma 1": (lambda t: damaged(t, "blur", sigma=1.0), ("blur",)),
    "lowlight 1.25 stops": (
        lambda t: damaged(t, "lowlight", stops=HALF_OF_MID * WORST_STOPS),
        ("exposure",),
    ),
    "cast of 0.25 stops in blue": (
        lambda t: damaged(t, "phone", blue=0.25),
        ("red_green", "yellow_blue"),
    ),
    "a phone's damage, each part at a quarter of its worst": (
        lambda t: damaged(t, "phone", **QUARTER_PHONE),
        ("noise", "jpeg", "blur", "red_green", "yellow_blue", "flatness"),
    ),
}


def found_rows(look: Patient, name: str, truths: list[Floats]) -> list[Measure]:
    """Shares of photos in which damage of half the mid level is found."""
    rows = []
    for protocol, (harm, quantities) in HALVES.items():
        hits = []
        for truth in truths:
            findings = look(harm(truth)).findings()
            hits.append(any(findings[quantity].found for quantity in quantities))
        share = float(np.mean(hits))
        rows.append(Measure(f"{name}, {protocol}", "found", share, FOUND_SHARE, len(truths)))
    return rows


def pooled(rows: list[Measure]) -> list[Measure]:
    """Shares of all photos in which damage is found, from those of each set."""
    found = [row for row in rows if row.metric == "found"]
    pools = []
    for protocol in HALVES:
        parts = [row for row in found if row.protocol.endswith(f", {protocol}")]
        n = sum(row.n for row in parts)
        share = sum(row.value * row.n for row in parts) / n
        pools.append(Measure(f"all sets, {protocol}", "found", share, FOUND_SHARE, n))
    return pools


def clean_rows(look: Patient, sets: dict[str, list[Floats]]) -> list[Measure]:
    """Shares of untouched photos that are called clean, and what the others are called.

    One that provably was a JPEG before it came into its set is not untouched: the quality that is
    read off it is compared with the one that it was coded with.
    """
    rows, verdicts = [], []
    for name, truths in sets.items():
        found = []
        for index, truth in enumerate(truths):
            verdict = look(truth)
            if (quality := coded_quality(truth.astype(np.float64))) is None:
                found.append(verdict)
                continue
            protocol = f"{name}, photo {index + 1}, a JPEG of quality {quality} itself"
            error = abs(verdict.jpeg.value - quality)
            rows.append(Measure(protocol, "quality error", error, QUALITY_ERROR, 1))
        verdicts += found
        share = float(np.mean([one.is_clean for one in found]))
        rows.append(Measure(f"{name}, untouched", "clean", share, CLEAN_SHARE, len(found)))
    share = float(np.mean([one.is_clean for one in verdicts]))
    rows.insert(0, Measure("all untouched", "clean", share, CLEAN_SHARE, len(verdicts)))
    for quantity in verdicts[0].findings():
        share = float(np.mean([not one.findings()[quantity].found for one in verdicts]))
        if share < 1:
            protocol = f"all untouched, {quantity} alone"
            rows.append(Measure(protocol, "clean", share, CLEAN_SHARE, len(verdicts)))
    return rows


def time_row(look: Patient) -> Measure:
    """Seconds for a decoded photo of 12 megapixels: the median of several."""
    with tempfile.TemporaryDirectory() as folder:
        picture = decode(noisy_photo(Path(folder) / "large.jpg", 4000, 3000))
    picture = replace(picture, encoding=Encoding())
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        diagnose(picture, look.reader)
        seconds.append(time.perf_counter() - started)
    return Measure("12 megapixels, decoded", "seconds", statistics.median(seconds), SECONDS, 1)


def kept(row: Measure) -> bool:
    """Whether a row keeps to its bound: shares and gains at least, all else at most."""
    if row.metric in ("found", "clean", "gained"):
        return row.value >= row.bound
    return row.value <= row.bound


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=NAME)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.write and (options.limit or options.sets != SETS):
        parser.error("--write is for whole sets: leave --limit and --sets away")
    model = Catalog().find(options.model)
    look = Patient(open_reader(model))
    sets = {name: load(options.data, name, options.limit) for name in options.sets}
    rows = [time_row(look)]
    show(rows)
    steps: list[Callable[[], list[Measure]]] = [lambda: clean_rows(look, sets)]
    for name, truths in sets.items():
        for measure in (noise_rows, jpeg_rows, found_rows):
            steps.append(lambda m=measure, n=name, t=truths: m(look, n, t))
        steps.append(lambda n=name, t=truths: [sensor_row(look, n, t), camera_row(look, n, t)])
        steps.append(lambda n=name, t=truths: blind_rows(look, n, t))
        steps.append(lambda n=name, t=truths: resized_rows(look, n, t))
        steps.append(lambda n=name, t=truths: soft_rows(look, n, t))
    for step in steps:
        rows += (made := step())
        show(made)
    rows += (made := pooled(rows))
    show(made)
    if options.write:
        about = {"machine": machine(), "command": COMMAND}
        table = [{k: v if v != np.inf else None for k, v in asdict(row).items()} for row in rows]
        RESULT.write_text(json.dumps(about | {"rows": table}, indent=1) + "\n")
        told = [
            Score(row.protocol, row.metric, row.value, None, row.n, row.bound)
            for row in rows
            if row.bound != np.inf
        ]
        change_card(model, scores=tuple(told), measured_by=COMMAND)


def show(rows: list[Measure]) -> None:
    for row in rows:
        mark = " " if kept(row) else "!"
        print(
            f"{mark} {row.protocol:<58}{row.metric:<14}{row.value:8.3f}{row.bound:8.2f}", flush=True
        )


if __name__ == "__main__":
    main()
