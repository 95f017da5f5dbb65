"""Train a network and a loss of one's own on one's own photos, export them, and use them.

    python examples/own_network.py PHOTOS [FOLDER]        (default: own/)

The recipe names what is in this file by its dotted path. In a YAML file it reads the same, and
then ``undegrade train tiny.yaml --data PHOTOS -o run`` and ``undegrade export run -o models`` do
what ``main`` does here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

import undegrade
from undegrade.training import fit, parse, write_model


class Tiny(nn.Module):
    """Three convolutions and a pixel-shuffle; sRGB in [0, 1], (N, 3, H, W) to (N, 3, 2H, 2W)."""

    scale, multiple, radius = 2, 1, 3
    """Enlargement, what sides must be multiples of, and how many pixels away it looks."""

    def __init__(self, channels: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()),
            nn.Conv2d(channels, 12, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.layers(x) + x.repeat_interleave(4, dim=1), 2)


def edges(output: Tensor, target: Tensor) -> Tensor:
    """How far the differences between neighbours are off."""
    across, down = ((output.diff(dim=d) - target.diff(dim=d)).abs().mean() for d in (3, 2))
    return across + down


RECIPE = {
    "name": "tiny",
    "task": "sr",
    "scale": 2,
    "network": "own_network:Tiny",
    "arguments": {"channels": 24},
    "batch": 8,
    "patch": 32,
    "stages": {
        "main": {
            "steps": 20_000,
            "rate": 1e-3,
            "losses": {"l1": 1.0, "edges": {"loss": "own_network:edges", "weight": 0.2}},
        }
    },
    "validation": {"photos": 1, "crop": 64},
    "card": {"summary": "Enlarges twice", "licence": "mine"},
}


def main(photos: Path, folder: Path, steps: int = 20_000) -> Path:
    """The enlarged first photo, made by a network that was trained on all of *photos*."""
    RECIPE["stages"]["main"]["steps"] = steps
    run = fit(parse(RECIPE), [photos], folder / "run")
    card = write_model(run.recipe, run.path, folder / "models")
    print(f"{run.state.step} steps; {card.training_data}")
    first = min(path for path in photos.iterdir() if path.is_file())
    result = undegrade.enhance(first, model=str(folder / "models" / card.file), scale=2)
    result.save(folder / f"{first.stem}-x2.png")
    return folder / f"{first.stem}-x2.png"


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "own")))
