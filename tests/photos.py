"""Small pictures that look like photos to the estimators: smooth shapes with edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.picture.samples import P3, SRGB_CURVE, file_of, icc, para, pil

DISPLAY_P3 = icc(P3, para(3, *SRGB_CURVE), name="Display P3")


def scene(
    height: int = 64, width: int = 80, channels: int = 3, dtype: Any = np.uint8, seed: int = 1
) -> Any:
    """Gradients with discs on them, (H, W, C), nowhere near black or white."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    picture = np.stack([0.3 + 0.3 * x, 0.6 - 0.3 * y, 0.4 + 0.2 * x * y], axis=2)
    for _ in range(6):
        cy, cx, radius = rng.uniform((0, 0, 0.08), (1, 1, 0.3))
        distance = np.hypot(y - cy, x - cx)
        cover = np.clip((radius - distance) * max(height, width) + 0.5, 0, 1)[:, :, None]
        picture = picture * (1 - cover) + cover * rng.uniform(0.25, 0.75, 3)
    peak = np.iinfo(dtype).max
    return np.rint(picture[:, :, :channels] * peak).astype(dtype)


def noisy(pixels: np.ndarray, sigma: float, seed: int = 2) -> Any:
    """The picture with Gaussian noise of *sigma* in 0..255 units."""
    peak = np.iinfo(pixels.dtype).max
    noise = np.random.default_rng(seed).normal(0, sigma / 255 * peak, pixels.shape)
    return np.clip(np.rint(pixels + noise), 0, peak).astype(pixels.dtype)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Decibels, over all channels of two pictures of one depth."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(20 * np.log10(np.iinfo(a.dtype).max) - 10 * np.log10(error))


def photo_file(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an 8-bit picture file that Pillow writes."""
    return file_of(pil(pixels), kind, **options)


def write_photo(path: Path, pixels: np.ndarray | None = None, **options: Any) -> Path:
    """An 8-bit picture on disk, in the format of the suffix; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    kind = "JPEG" if suffix in (".jpg", ".jpeg") else Image.registered_extensions()[suffix]
    path.write_bytes(photo_file(scene() if pixels is None else pixels, kind, **options))
    return path


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, by relative name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
