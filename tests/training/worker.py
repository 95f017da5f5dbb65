"""One of several processes that train together: ``python -m tests.training.worker FOLDER PHOTOS``.

Its rank comes from the environment, as ``torchrun`` sets it; each writes into a folder of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import torch

from undegrade.errors import UndegradeError
from undegrade.training.loop import fit
from undegrade.training.recipe_file import read

RUNS = {
    "plain": ("restore:debug", {"patch_late": 0}),
    # Statistics of a process's own pictures would differ between them.
    "gan": (
        "phone:debug",
        {"discriminators.texture.swapped": True, "arguments.statistics": "instance"},
    ),
    # Dropout in the critic, adversaries in turns, by a loss on which all must agree.
    "turns": (
        "artifact-gan:debug",
        {
            "network": "phone",
            "arguments": {
                "preset": None,
                "size": None,
                "width": None,
                "channels": 4,
                "blocks": 1,
                # Statistics of a process's own pictures would differ between them.
                "statistics": "instance",
            },
            "stages.generator": None,
            "stages.critic": {"steps": 3, "stored": 0},
            "stages.adversarial": {"turns": [1, 1], "threshold": 0.8},
        },
    ),
    # Norms with statistics, which differ between the processes, and a stop that goes by scores.
    "early": (
        "phone:debug",
        {
            "ema": 0.0,
            "validation.lpips": "random",
            "stages.main": {"steps": 30, "rate": 0.003, "allowance": 9.0, "patience": 3},
        },
    ),
    "regressor": ("dllgan-jpeg:debug", {"stages.adversarial": None, "discriminators": None}),
}
"""What is run: the recipe and its changes."""

COMMON = {"batch": 4, "precision": "fp32", "validation.every": 1, "keep": 2}


def recipe(name, parts, **changes):
    """The recipe of a run in so many parts a process."""
    base, own = RUNS[name]
    chosen = read(base)
    steps = {} if "stages" in str(own) else {f"stages.{k}.steps": 5 for k in chosen.stages}
    return read(base, COMMON | {"accumulate": parts} | steps | own | changes)


def main() -> None:
    folder, photos = Path(sys.argv[1]), Path(sys.argv[2])
    rank = int(os.environ["RANK"])
    torch.set_num_threads(1)
    heard = {}
    for name in RUNS:
        rows: list[dict] = []
        fit(recipe(name, 1), [photos], folder / f"{name}-{rank}", log=rows.append)
        heard[name] = len(rows)

    def stop(state, progress, samples):
        if state.step == 2:
            signal.raise_signal(signal.SIGTERM)

    for name, chosen, tick in (
        ("unshared", recipe("plain", 1, batch=3), None),
        ("stopped", recipe("plain", 1), stop),
    ):
        try:
            fit(chosen, [photos], folder / f"{name}-{rank}", tick=tick)
        except UndegradeError as error:
            heard[name] = f"{type(error).__name__}: {error}"
    (folder / f"heard-{rank}.json").write_text(json.dumps(heard))


if __name__ == "__main__":
    main()
