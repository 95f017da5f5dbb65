"""From the bytes of an entry to 8-bit pixels, as a recipe's reading asks for them."""

from __future__ import annotations

import io
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.degradation.resize import imresize
from undegrade.errors import InputError
from undegrade.picture import decode
from undegrade.picture.alpha import to_depth
from undegrade.training.data.entry import Entry
from undegrade.training.data.files import Place
from undegrade.training.data.settings import Reading

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, C)."""


def read_pixels(place: Place) -> Pixels:
    """One picture, upright, (H, W, 3) uint8; grey is repeated, 16 bit rounded, alpha left out.

    Raises
    ------
    InputError, LimitError: it cannot be read or decoded; the message names it.
    """
    picture = decode(place.read(), name=str(place))
    pixels = to_depth(picture.pixels, np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def read_entry(entry: Entry, reading: Reading) -> Pixels:
    """The photo (H, W, 3), or input and target (H, W, 6), cut and resized; contiguous.

    An input that is smaller than its target by ``entry.scale`` is enlarged to it by bicubic
    interpolation, so that one crop serves both.

    Raises
    ------
    InputError: undecodable, the two do not fit each other, or smaller than the reading asks for;
        the message names the file.
    """
    pictures = [read_pixels(place) for place in entry.files]
    if entry.input is not None:
        check_pair(entry, *((p.shape[0], p.shape[1]) for p in pictures))
        if entry.scale > 1:
            pictures[0] = _resized(pictures[0], *pictures[1].shape[:2])
    photo = np.concatenate(pictures, axis=2) if pictures[1:] else pictures[0]
    height, width = photo.shape[:2]
    side = square_side(entry, (height, width), reading)
    if side:
        top, left = (height - side) // 2, (width - side) // 2
        photo = photo[top : top + side, left : left + side]
    if reading.resize and reading.resize != side:
        photo = _resized(photo, reading.resize, reading.resize)
    return np.ascontiguousarray(photo)


def read_size(entry: Entry, reading: Reading) -> tuple[int, int]:
    """Height and width that :func:`read_entry` will give, from the headers of the files alone.

    Whether a photo is to be turned upright does not show, so the two may be the other way round.

    Raises
    ------
    InputError: as :func:`read_entry`, as far as headers tell.
    """
    sizes = [_header_size(place) for place in entry.files]
    if entry.input is not None:
        check_pair(entry, *sizes)
    side = square_side(entry, sizes[-1], reading)
    side = reading.resize or side
    return (side, side) if side else sizes[-1]


def check_pair(entry: Entry, low: tuple[int, int], high: tuple[int, int]) -> None:
    """Refuse a pair whose sizes (height, width) do not fit each other.

    Raises
    ------
    InputError: with both sizes.
    """
    if (low[0] * entry.scale, low[1] * entry.scale) != high:
        times = f", which is not {entry.scale} times as much" if entry.scale > 1 else ""
        raise InputError(
            f"{str(entry.input)!r} has {low[1]} x {low[0]} pixels and its target "
            f"{str(entry.target)!r} {high[1]} x {high[0]}{times}",
            "bring both to one size, or remove the pair",
        )


def square_side(entry: Entry, size: tuple[int, int], reading: Reading) -> int:
    """Side of the central square that *reading* cuts out of a photo, 0 where it cuts none.

    Raises
    ------
    InputError: the photo, (height, width), is smaller than the square, or than what it becomes.
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


def _header_size(place: Place) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(place.read())) as image:
            return image.height, image.width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"cannot read {str(place)!r}: {error}", "replace or remove it") from None


def _resized(pixels: NDArray[Any], height: int, width: int) -> Pixels:
    values = imresize(pixels.astype(np.float32), size=(height, width))
    levels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels
