"""What the benchmarks of the diagnosis look at: photos, damage, and an eye to look with."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.degradation import DEGRADATIONS
from undegrade.diagnosis import CropReader, Diagnosis, diagnose
from undegrade.imaging.resize import imresize
from undegrade.picture import Picture, from_array

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Measure:
    """One measured number, and what it must keep to."""

    protocol: str
    """Set and damage in one line."""
    metric: str
    value: float
    bound: float
    """The most, or for shares of photos and gains the least, that it should be."""
    n: int
    """Number of photos."""


def damaged(image: Floats, name: str, **parameters: object) -> Floats:
    """*image* through one operator."""
    operator = DEGRADATIONS[name]
    seed = {"seed": 0} if any(field.name == "seed" for field in operator.fields) else {}
    return operator.apply(image, seed | parameters)


class Patient:
    """Diagnoses by the network that is measured."""

    def __init__(self, reader: CropReader) -> None:
        self.reader = reader

    def __call__(self, image: Floats) -> Diagnosis:
        return diagnose(as_picture(image), self.reader)


def as_picture(image: Floats) -> Picture:
    """*image* as an 8-bit file without a history holds it."""
    return from_array(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))


def enlarged(truth: Floats, times: float) -> Floats:
    """*truth* reduced and enlarged again by the antialiased bicubic filter."""
    small = to_file(imresize(truth, scale=1 / times))
    return imresize(small, size=truth.shape[:2])


def to_file(image: Floats) -> Floats:
    """As an 8-bit file holds it."""
    return np.rint(np.clip(image, 0, 1) * np.float32(255)) / np.float32(255)


def psnr(pixels: NDArray[np.uint8], truth: Floats) -> float:
    error = pixels.astype(np.float64) - np.rint(truth * 255)
    return float(20 * np.log10(255) - 10 * np.log10(np.mean(error**2)))


def gradient(pixels: NDArray[np.uint8]) -> float:
    values = pixels.astype(np.float64)
    return float(sum(np.abs(np.diff(values, axis=axis)).mean() for axis in (0, 1)))


def mean(values: list[float]) -> float:
    return float(np.mean(values))


def load(data: Path, name: str, limit: int | None) -> list[Floats]:
    """The photos of a set, or of one folder of it, (H, W, 3) in [0, 1] and in name order."""
    pack, _, part = name.partition("/")
    if (data / pack).is_dir():
        files = {str(p): p.read_bytes() for p in (data / pack / part).iterdir() if p.is_file()}
    else:
        with tarfile.open(data / f"{pack}.tar") as tar:
            files = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
    names = sorted(path for path in files if f"/{part}/" in path or not part)
    return [
        np.asarray(Image.open(io.BytesIO(files[path])).convert("RGB"), np.float32) / 255
        for path in names[:limit]
    ]
