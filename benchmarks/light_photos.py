"""Which photos are lit unasked: fit the chance, and measure it on 60 photos that were looked at.

    python benchmarks/light_photos.py --photos FOLDER --good FOLDER [FOLDER ...] [--held FOLDER]

FOLDER holds a folder for each repository of ``light_photos.json`` with its photos as they lie
there: snapshots by cameras and phones, half of which somebody would want lit, and half not. *good*
are folders of photos that are to stay as they are, *held* others for counting alone. Prints the
weights for :mod:`undegrade.diagnosis.shade`; each of the 60 is judged by weights that were fitted
without it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from undegrade import UndegradeError
from undegrade.diagnosis import shade
from undegrade.diagnosis.decide import THRESHOLDS
from undegrade.diagnosis.light import is_whole
from undegrade.picture import decode

PHOTOS = Path(__file__).with_suffix(".json")
DECAY = 3.0
"""Weight of the squares of the weights, beside log-likelihoods that weigh 150 in all."""

Matrix = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--good", type=Path, nargs="+", required=True)
    parser.add_argument("--held", type=Path)
    options = parser.parse_args()
    listed: dict[str, list[str]] = json.loads(PHOTOS.read_text())
    paths = {kind: [options.photos / name for name in names] for kind, names in listed.items()}
    asked = seen([*paths["lit"], *paths["left"]])
    wanted = np.repeat([1.0, 0.0], [len(paths["lit"]), len(paths["left"])])
    good = seen([path for folder in options.good for path in sorted(folder.rglob("*.*"))])
    good = good[good[:, -1] >= shade.LEAST_SHARE]

    every = np.concatenate([asked, good])[:, :-1]
    mean, deviation = every.mean(0), every.std(0)
    inputs = np.column_stack([(every - mean) / deviation, np.ones(len(every))])
    truth = np.concatenate([wanted, np.zeros(len(good))])
    # As much for what is to be lit as for the 30 and the many that are to stay.
    weight = np.concatenate([1.0 + wanted, np.full(len(good), len(wanted) / len(good))])
    found = fit(inputs, truth, weight)
    for name, *three in zip(shade.CUES, mean, deviation, found[:-1], strict=True):
        print(f'    "{name}": ({three[0]:.3g}, {three[1]:.3g}, {three[2]:.2f}),')
    print(f"CONSTANT = {found[-1]:.2f}")

    limit = THRESHOLDS["shade"].limit
    chances = np.empty(len(asked))
    for one in range(len(asked)):
        others = np.delete(np.arange(len(every)), one)
        without = fit(inputs[others], truth[others], weight[others])
        chances[one] = chance(inputs[one] @ without) * (asked[one, -1] >= shade.LEAST_SHARE)
    chances *= [is_whole(decode(path)) for path in (*paths["lit"], *paths["left"])]
    right = (chances >= limit) == (wanted > 0)
    print(f"lit {right[wanted > 0].sum()} of {int(wanted.sum())}", end=", ")
    print(f"left {right[wanted == 0].sum()} of {int((wanted == 0).sum())}")
    for path, is_right, its in zip([*paths["lit"], *paths["left"]], right, chances, strict=True):
        print(f"{'right' if is_right else 'wrong'} {its:.2f} {path.name}")
    if options.held:
        held = seen(sorted(options.held.rglob("*.*")))
        scores = np.column_stack([(held[:, :-1] - mean) / deviation, np.ones(len(held))]) @ found
        lit = (chance(scores) >= limit) & (held[:, -1] >= shade.LEAST_SHARE)
        print(f"of {len(held)} good photos {lit.sum()} would be lit")


def seen(paths: Sequence[Path]) -> Matrix:
    """Cues and share of shadow of each photo, one after the other."""
    rows = []
    for path in paths:
        try:
            cells = shade.cells(decode(path))
        except UndegradeError as error:
            print(f"passed over: {error}")
            continue
        rows.append([*shade.cues(cells), shade.share(cells)])
    return np.array(rows)


def chance(score: Matrix | float) -> Matrix:
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(score))))


def fit(inputs: Matrix, truth: Matrix, weight: Matrix) -> Matrix:
    """Weights of a logistic regression by Newton's method, the constant last and free."""
    found = np.zeros(inputs.shape[1])
    decay = np.diag([*np.full(len(found) - 1, DECAY), 1e-6])
    for _ in range(20):
        expected = chance(inputs @ found)
        slope = inputs.T @ (weight * (expected - truth)) + decay @ found
        curve = (inputs.T * (weight * expected * (1 - expected))) @ inputs + decay
        found = found - np.linalg.solve(curve, slope)
    return found


if __name__ == "__main__":
    main()
