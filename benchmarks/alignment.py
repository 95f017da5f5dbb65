"""Measure `undegrade align` on synthetic pairs of photos whose true map is known.

    python benchmarks/alignment.py [--pairs N] [--seed N]

Each pair is one drawn scene seen by two cameras: zoom, rotation, perspective; the phone's photo
with other exposure, gamma and colours, vignetting, blur, noise and JPEG. Half of the pairs have
three things that stand elsewhere in the second photo, and half of those a lens that bends lines.
All distances are in pixels of the phone's photo (600 x 800).

* map: of the homography alone, over a 17 x 13 grid with the corners.
* kept: share of the windows that show nothing that moved.
* correct: share of the kept windows that are off by less than a pixel at the worst of 5 x 5 points
  and of which at most a quarter has moved.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.alignment.measures import (
    is_correct,
    map_errors,
    share_moved,
    window_error,
)
from tests.alignment.synthetic import make_pair

from undegrade.alignment import align

KINDS = ({}, {"movers": 3}, {}, {"movers": 3, "bend": 0.006})


def main() -> None:
    """Print a line for each pair, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=100)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    maps, windows, still, correct, seconds = [], [], [], [], []
    print("seed  kind                        matches inliers  map median   max  kept  window worst")
    for number in range(arguments.pairs):
        kind = KINDS[number % len(KINDS)]
        seed = arguments.seed + number
        pair = make_pair(seed, **kind)
        started = time.process_time()
        found = align(pair.phone, pair.dslr)
        seconds.append(time.process_time() - started)
        maps.append(map_errors(pair, found.homography.matrix))
        errors = [window_error(pair, found, window) for window in found.kept]
        windows += errors
        still += [w.verdict == "kept" for w in found.windows if share_moved(pair, w) == 0]
        correct += [is_correct(pair, found, window) for window in found.kept]
        print(
            f"{seed:4}  {kind!s:28}{found.homography.matches:7} {found.homography.inliers:7}"
            f"{np.median(maps[-1]):12.3f} {maps[-1].max():5.2f}"
            f"{len(found.kept):4}/{len(found.windows)}{max(errors, default=0):10.3f}"
        )
    print(f"\nmap: median {np.median(np.concatenate(maps)):.3f} px", end="")
    print(f" (worst pair {max(np.median(errors) for errors in maps):.3f} px)")
    print(f"kept windows: median of the worst point {np.median(windows):.3f} px")
    print(f"kept: {np.mean(still):.1%} of {len(still)} windows in which nothing moved")
    print(f"correct: {np.mean(correct):.1%} of {len(correct)} kept windows")
    print(f"CPU: median {np.median(seconds):.2f} s a pair")


if __name__ == "__main__":
    main()
