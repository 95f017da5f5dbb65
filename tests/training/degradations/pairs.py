"""The two halves side by side: pictures, and the operators on arrays applied to a batch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from undegrade.degradation import DEGRADATIONS

PHOTOS = Path(__file__).parents[3] / "examples" / "photos"
NAMES = ("coffee-clean.jpg", "truth/cat.png", "truth/rocket.jpg")


@cache
def photo(name):
    """A committed example photo: (H, W, 3) float32, 8-bit values in [0, 1]."""
    with Image.open(PHOTOS / name) as picture:
        return np.asarray(picture.convert("RGB"), np.float32) / 255


def random_pictures(count, height, width, channels=3, seed=0):
    """(N, H, W, C) float32 in [0, 1]: noise on a ramp, so that every brightness occurs."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, width)[None, None, :, None]
    noise = rng.uniform(-0.3, 0.3, (count, height, width, channels))
    return np.clip(ramp + noise, 0, 1).astype(np.float32)


def tensor(images):
    """(N, H, W, C) or (H, W, C) to (N, C, H, W)."""
    batch = images if images.ndim == 4 else images[None]
    return torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))


def array(batch):
    """(N, C, H, W) to (N, H, W, C)."""
    return batch.permute(0, 2, 3, 1).numpy()


def on_arrays(name, images, records):
    """The operator called *name* on each of (N, H, W, C) with its own record."""
    operator = DEGRADATIONS[name]
    return np.stack([operator.apply(i, r) for i, r in zip(images, records, strict=True)])


def columns(records, *keys):
    """One float32 tensor (N,) for each of *keys*."""
    return [torch.tensor([float(record[key]) for record in records]) for key in keys]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)
