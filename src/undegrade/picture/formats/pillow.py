"""What the formats that Pillow decodes and encodes have in common."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from undegrade.picture.alpha import bands, flatten, to_depth
from undegrade.picture.formats.opened import Opened, Unfit, turned
from undegrade.picture.model import Encoding, Metadata, Picture

_BAND = 1 << 18
"""Pixels copied at a time: the peak is Pillow's picture and ours."""
_DEEP = ("PPM", "JPEG2000", "PNG")
"""Formats whose 16-bit grey Pillow shows as 32-bit numbers."""


def plugin(kind: str, data: bytes) -> Any:
    """The image of a file by the plug-in "Jpeg", "Tiff" ..., called by its name.

    ``Image.open`` has a process-wide size limit, and tries parsers (EPS, PSD, FITS ...) that a
    photo program need not expose to strangers' files.
    """
    return getattr(import_module(f"PIL.{kind}ImagePlugin"), f"{kind}ImageFile")(io.BytesIO(data))


def opened(image: Image.Image, kind: str, *, frame: int = 0, lossless: bool = False) -> Opened:
    """Whatever a Pillow image carries, its pixels not touched yet.

    Parameters
    ----------
    kind: the format's name.
    frame: the one to show, from 0; those of a file that knows no frames are left alone.
    """
    frames = 1
    if isinstance(image, ImageFile.ImageFile):
        # GIF has to look for its end, which takes no decoding, and size is checked before use.
        frames = int(getattr(image, "n_frames", 1))
        if 0 < frame < frames:
            image.seek(frame)
    exif, xmp, icc = (
        value.encode() if isinstance(value, str) else value
        for value in (image.info.get(key) for key in ("exif", "xmp", "icc_profile"))
    )
    dpi = image.info.get("dpi")
    resolution = (float(dpi[0]), float(dpi[1])) if dpi else None
    return Opened(
        image.size,
        unpacking(image, kind),
        Metadata(exif=exif, xmp=xmp, icc=icc, dpi=resolution),
        Encoding(kind, lossless=lossless),
        frames,
        "CMYK" if image.mode == "CMYK" else "LAB" if image.mode == "LAB" else "",
    )


def unpacking(
    image: Image.Image, kind: str, adjust: Callable[[NDArray[Any]], NDArray[Any]] | None = None
) -> Callable[[int], NDArray[Any]]:
    """The pixels of a Pillow image, once: the image is let go as soon as it is copied.

    Parameters
    ----------
    adjust: from a band of samples as Pillow has them, (rows, W, C), to what they mean.
    """
    held = [image]  # popped, so that nothing here keeps the image once it is copied

    def pixels(turn: int) -> NDArray[Any]:
        one = held.pop()
        one.load()
        return unpacked(_plain(one, kind), turn, adjust)

    return pixels


def unpacked(
    image: Image.Image,
    turn: int,
    adjust: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
    onto: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """A decoded image as an array (H, W, C), turned; with *onto*, added to what is there."""
    width, height = image.size

    def samples(rows: slice) -> NDArray[Any]:
        part = np.asarray(image.crop((0, rows.start, width, rows.stop)))
        part = part.reshape(rows.stop - rows.start, width, -1)
        return adjust(part) if adjust else part

    added = onto is not None
    if onto is None:
        first = samples(slice(0, 1))
        shape = (width, height) if turn >= 5 else (height, width)
        dtype = np.uint8 if first.dtype == np.uint8 else np.uint16
        onto = np.zeros((*shape, first.shape[2]), dtype)
    # A view of it that lies as the file does; 6 and 8 undo each other.
    stored = turned(onto, {6: 8, 8: 6}.get(turn, turn))
    for rows in bands(height, width, _BAND):
        if added:
            stored[rows] |= samples(rows)
        else:
            stored[rows] = samples(rows)
    return onto


def from_halves(half: Callable[[bool], Image.Image], turn: int) -> NDArray[Any]:
    """16 bits a sample (H, W, C), turned, from two readings: of the upper and of the lower bytes.

    Parameters
    ----------
    half: opens the image of one byte a sample, the lower one where it is true.
    """
    image = half(False)
    image.load()
    out = unpacked(image, turn, lambda part: part.astype(np.uint16) << 8)
    image = half(True)  # the other is let go before this one is decoded
    image.load()
    return unpacked(image, turn, onto=out)


def _plain(image: Image.Image, kind: str) -> Image.Image:
    """*image* in a mode that arrays can hold: L, LA, RGB, RGBA, CMYK, LAB, I;16 or 16-bit I."""
    mode = image.mode
    if mode in ("P", "PA") or (mode in ("1", "L", "RGB") and "transparency" in image.info):
        if mode in ("1", "L"):
            return image.convert("L").convert("LA") if mode == "1" else image.convert("LA")
        return image.convert("RGBA" if mode == "PA" or image.has_transparency_data else "RGB")
    if mode == "1":
        return image.convert("L")
    if mode in ("La", "RGBa"):
        return image.convert(mode.replace("a", "A"))
    if mode in ("YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    if mode in ("L", "LA", "RGB", "RGBA", "CMYK", "LAB") or mode.startswith("I;16"):
        return image
    if mode == "I" and kind in _DEEP:
        low, high = image.getextrema()
        if isinstance(low, int | float) and low >= 0 and isinstance(high, int) and high < 65536:
            return image
    raise numbers()


def numbers() -> Unfit:
    """The refusal of samples that are no levels."""
    return Unfit(
        "its samples are floating-point or 32-bit numbers",
        "convert it to 8 or 16 bits a sample first",
    )


def image_8(picture: Picture, *, opaque: bool) -> Image.Image:
    """An 8-bit Pillow image with nothing attached; *opaque*: alpha laid over white."""
    pixels = to_depth(picture.pixels, np.uint8)
    if picture.alpha is None:
        return from_pixels(pixels)
    alpha = to_depth(picture.alpha, np.uint8)
    if opaque:
        return from_pixels(flatten(pixels, alpha))
    image = from_pixels(pixels)
    image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    return image


def from_pixels(pixels: NDArray[Any]) -> Image.Image:
    """(H, W, 1 or 3) uint8 as a Pillow image, L or RGB."""
    grey = pixels.shape[2] == 1
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))


def bytes_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file that Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
