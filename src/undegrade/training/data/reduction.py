"""From the bytes of a photo to the smaller, cleaner picture that is trained on."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.errors import UsageError
from undegrade.picture import Picture, decode


@dataclass(frozen=True)
class Reduction:
    """How photos are reduced."""

    reduce: float = 2.0
    """Least factor: by 2, a mosaic's gaps are closed and JPEG's blocks lie below a pixel's size."""
    longest: int = 2000
    """Photos that are longer after that are reduced further; 0 for any length."""
    smallest: int = 224
    """Shorter side in pixels from which a reduced photo is kept."""
    noise: float = 2.0
    """Most noise that a reduced photo may have, as :func:`undegrade.levels.noise_sigma` says."""

    def __post_init__(self) -> None:
        for flag, value, least in (
            ("--reduce", self.reduce, 1),
            ("--longest", self.longest, 0),
            ("--smallest", self.smallest, 1),
            ("--noise", self.noise, 0),
        ):
            if not least <= value < float("inf"):
                raise UsageError(f"{flag} {value:g} is below {least}, or no number", "correct it")

    def factor(self, width: int, height: int, reduced: bool = False) -> float:
        """By how much a photo is reduced; *reduced* ones only where they are too long."""
        least = 1.0 if reduced else self.reduce
        return max(least, max(width, height) / self.longest) if self.longest else least


@dataclass(frozen=True)
class Reduced:
    """A photo that has been reduced."""

    pixels: NDArray[np.uint8]
    """(H, W, 1 or 3), sRGB, upright."""
    size: tuple[int, int]
    """Width and height before."""
    factor: float

    def png(self) -> bytes:
        """A lossless file of it."""
        buffer = io.BytesIO()
        flat = self.pixels[:, :, 0] if self.pixels.shape[2] == 1 else self.pixels
        Image.fromarray(flat).save(buffer, "PNG", compress_level=3)
        return buffer.getvalue()


def read_reduced(
    data: bytes, how: Reduction, reduced: bool = False, name: str | None = None
) -> Reduced | str:
    """The reduced photo of a file, called *name* in messages, or why it is none.

    It stands upright and its colours are those of sRGB by the profile of the file, colours outside
    clipped. Lanczos's filter runs in floating point, so that 16 bit and profiles are rounded once.

    Raises
    ------
    InputError, LimitError: it cannot be decoded.
    """
    picture = decode(data, name=name)
    if picture.alpha is not None and picture.alpha.min() < np.iinfo(picture.alpha.dtype).max:
        return "transparent"
    height, width = picture.pixels.shape[:2]
    factor = how.factor(width, height, reduced)
    small = round(width / factor), round(height / factor)
    if min(small) < how.smallest:
        return "small"
    return Reduced(_srgb(picture, small), (width, height), round(factor, 4))


def _srgb(picture: Picture, size: tuple[int, int]) -> NDArray[np.uint8]:
    """*picture* at *size* (width, height) in 8-bit sRGB."""
    values = np.stack([_lanczos(plane, size) for plane in _planes(picture.pixels)], axis=2)
    values *= np.float32(1 / np.iinfo(picture.pixels.dtype).max)
    if values.shape[2] == 3:
        values = picture.colour.to_srgb(np.clip(values, 0, 1))
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)


def _planes(pixels: NDArray[Any]) -> list[NDArray[np.float32]]:
    return [pixels[:, :, channel].astype(np.float32) for channel in range(pixels.shape[2])]


def _lanczos(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if plane.shape == size[::-1]:
        return plane
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.LANCZOS))
