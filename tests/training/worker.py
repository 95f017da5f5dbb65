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
from torch import nn

from undegrade.errors import UndegradeError
from undegrade.training.loop import fit
from undegrade.training.machine import Processes
from undegrade.training.networks.layers import Renormalisation, synchronised
from undegrade.training.recipe_file import read

RUNS = {
    "plain": ("restore:debug", {"patch_late": 0}),
    # No batch norm: its statistics are of all processes, and of one part in one.
    "gan": (
        "phone:debug",
        {
            "discriminators.texture": {"network": "dped", "swapped": True},
            "discriminators.texture.arguments": {"channels": 3},
            "arguments.statistics": "instance",
        },
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
                "statistics": "instance",
            },
            "stages.generator": None,
            "stages.critic": {"steps": 3, "stored": 0},
            "stages.adversarial": {"turns": [1, 1], "threshold": 0.8},
        },
    ),
    # Norms with statistics, and a stop that goes by scores.
    "early": (
        "phone:debug",
        {
            "ema": 0.0,
            "validation.lpips": "random",
            "stages.main": {"steps": 30, "rate": 0.003, "allowance": 9.0, "patience": 3},
        },
    ),
    "regressor": (
        "dllgan-jpeg:debug",
        {
            "stages.adversarial": None,
            "discriminators": None,
            "regressor": {"network": "tests.training.worker:reader"},
        },
    ),
    "normed": (
        "phone:debug",
        {"stages.main": {"steps": 5, "losses": {"content": None, "l1": 1.0, "colour": None}}},
    ),
}
"""What is run: the recipe and its changes."""


def reader(levels, channels):
    """A regressor without norms."""
    return nn.Sequential(
        *(nn.Conv2d(3, channels, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(channels, levels),
    )


SHARE = 3
"""Pictures a process, for norms."""


def normed():
    """A network with both kinds of norm, and a batch for two processes that see unlike pictures."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3)),
        *(Renormalisation(4), nn.ReLU(), nn.Conv2d(4, 2, 3)),
    )
    return network, torch.rand(2 * SHARE, 3, 12, 12) * torch.arange(1, 7).view(-1, 1, 1, 1)


def trained_together(network, pictures, average):
    """Steps of SGD on *pictures*; *average* brings gradients together. Weights and statistics."""
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (network(pictures) - pictures[:, :2, 3:-3, 3:-3]).square().mean().backward()
        average(network)
        optimizer.step()
    return network.state_dict()


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
    processes = Processes("cpu")
    network, pictures = normed()
    synchronised(network)
    own = pictures[rank * SHARE : (rank + 1) * SHARE]
    found = trained_together(network, own, lambda one: processes.average_gradients([one]))
    torch.save(found, folder / f"normed-{rank}.pt")
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
