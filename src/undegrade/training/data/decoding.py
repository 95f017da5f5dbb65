"""From the bytes of a picture to 8-bit pixels: as a recipe reads them, or reduced for a set."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.errors import InputError, UsageError
from undegrade.imaging.arrays import Bytes, to_whole
from undegrade.imaging.resize import imresize
from undegrade.picture import Picture, decode
from undegrade.picture.alpha import to_depth
from undegrade.training.data.files import Entry, Place
from undegrade.training.data.sources import Reading


def read_pixels(place: Place) -> Bytes:
    """One picture, upright, (H, W, 3) uint8; grey is repeated, 16 bit rounded, alpha left out.

    Raises :class:`InputError` or :class:`LimitError`, which name it, where it cannot be read or
    decoded.
    """
    picture = decode(place.read(), name=str(place))
    return in_colour(to_depth(picture.pixels, np.uint8))


def in_colour(pixels: Bytes) -> Bytes:
    """(H, W, 1 or 3) as (H, W, 3)."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def read_entry(entry: Entry, reading: Reading) -> Bytes:
    """The photo (H, W, 3), or input and target (H, W, 6), cut and resized; contiguous.

    An input that is smaller than its target by ``entry.scale`` is enlarged to it by bicubic
    interpolation, so that one crop serves both.

    Raises :class:`InputError`, which names the file: undecodable, the two do not fit each other, or
    smaller than the reading asks for.
    """
    pictures = [read_pixels(place) for place in entry.files]
    if entry.input is not None:
        check_pair(entry, *((p.shape[0], p.shape[1]) for p in pictures))
        if entry.scale > 1:
            pictures[0] = _resized(pictures[0], *pictures[1].shape[:2])
    photo = np.concatenate(pictures, axis=2) if pictures[1:] else pictures[0]
    height, width = photo.shape[:2]
    side = _square_side(entry, (height, width), reading)
    if side:
        top, left = (height - side) // 2, (width - side) // 2
        photo = photo[top : top + side, left : left + side]
    if reading.resize and reading.resize != side:
        photo = _resized(photo, reading.resize, reading.resize)
    return np.ascontiguousarray(photo)


def check_pair(entry: Entry, low: tuple[int, int], high: tuple[int, int]) -> None:
    """Raise :class:`InputError` unless two sizes (height, width) fit each other; it tells both."""
    if (low[0] * entry.scale, low[1] * entry.scale) != high:
        times = f", which is not {entry.scale} times as much" if entry.scale > 1 else ""
        raise InputError(
            f"{str(entry.input)!r} has {low[1]} x {low[0]} pixels and its target "
            f"{str(entry.target)!r} {high[1]} x {high[0]}{times}",
            "bring both to one size, or remove the pair",
        )


def _square_side(entry: Entry, size: tuple[int, int], reading: Reading) -> int:
    """Side of the central square that *reading* cuts out of a photo, 0 where it cuts none.

    Raises :class:`InputError` where the photo, (height, width), is smaller than the square, or than
    what it becomes.
    """
    side = min(size) if reading.centre < 0 else reading.centre
    wanted = max(side, reading.resize)
    if min(size) < wanted:
        raise InputError(
            f"{str(entry.target)!r} has {size[1]} x {size[0]} pixels, fewer than the {wanted} x "
            f"{wanted} to be taken from its centre",
            "lower centre or resize, or remove the photo",
        )
    return side


def _resized(pixels: NDArray[Any], height: int, width: int) -> Bytes:
    values = imresize(pixels.astype(np.float32), size=(height, width))
    return to_whole(values, np.uint8)


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

    Raises :class:`InputError` or :class:`LimitError` where it cannot be decoded.
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
    planes = [plane.astype(np.float32) for plane in np.moveaxis(picture.pixels, 2, 0)]
    if size != picture.pixels.shape[1::-1]:
        images = [Image.fromarray(plane).resize(size, Image.Resampling.LANCZOS) for plane in planes]
        planes = [np.asarray(image) for image in images]
    values = np.stack(planes, axis=2)
    values *= np.float32(1 / np.iinfo(picture.pixels.dtype).max)
    if values.shape[2] == 3:
        values = picture.colour.to_srgb(np.clip(values, 0, 1))
    return to_whole(values * 255, np.uint8)
