"""From a file, an array or a Pillow image to a :class:`Picture`.

A format's ``read`` (:mod:`undegrade.picture.formats`) tells what the header says; limits are
checked on that; then one path, the same for all, decodes the pixels upright, settles colour and
keeps the rest.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.errors import InputError, LimitError, UndegradeError, UsageError
from undegrade.picture import icc, metadata
from undegrade.picture.alpha import to_depth
from undegrade.picture.colour import GREY, SRGB, ColourSpace
from undegrade.picture.files import Source, read, show
from undegrade.picture.formats import FORMATS, jpeg, pillow, sniff, tiff
from undegrade.picture.formats.opened import Broken, Opened, Unfit, turned
from undegrade.picture.model import Encoding, Picture


def decode(
    source: Source,
    *,
    name: str | None = None,
    frame: int | None = None,
    max_megapixels: float = 200.0,
) -> Picture:
    """Read a photo: pixels upright, and everything else that the file holds.

    Parameters
    ----------
    source: a path, the bytes of a file, or an open binary file.
    name: what messages call it, and the picture's own name; None is the path or the file's name.
    frame: which one of an animation or which page, from 1; None refuses a file of several.
    max_megapixels: more than this is refused from the header, before a pixel is decoded, and so is
        a file of more bytes than so many pixels can need, before it is read.

    Raises
    ------
    InputError: missing, empty, cut off, corrupt, animated, several pages, not a known picture.
    LimitError: over the limit, or over the memory that there is.
    UsageError: a frame or a limit that is no number above 0, a source that is none.
    """
    if frame is not None and (not isinstance(frame, int) or frame < 1):
        raise UsageError(f"frame {frame!r} is impossible", "give a whole number, 1 for the first")
    data, known = read(source, name=name, max_megapixels=max_megapixels)
    return _guarded(known, lambda: _decode(data, known, frame, max_megapixels))


def from_pil(image: Image.Image) -> Picture:
    """A Pillow image, in the frame it stands on, with all it carries; the image stays as it is.

    Raises
    ------
    InputError: its file is corrupt, or its mode ("F", "I") is not one of pictures.
    """
    name = getattr(image, "filename", "") or "<image>"

    def convert() -> Picture:
        kind = image.format or "PNG"
        if kind in ("JPEG", "MPO"):
            return _finish(jpeg.opened(image, "mp" in image.info), str(name))
        lossless = kind in ("PNG", "TIFF", "BMP", "GIF", "PPM", "QOI")
        found = pillow.opened(image, kind, lossless=lossless)
        found.upright = kind == "TIFF"
        return _finish(found, str(name))

    return _guarded(str(name), convert)


def from_array(array: NDArray[Any]) -> Picture:
    """An array as a picture in sRGB.

    Parameters
    ----------
    array: (H, W) or (H, W, 1..4): grey, grey and alpha, RGB, RGB and alpha. uint8 and uint16 are
        taken as they are (without a copy where there is no alpha), float32 and float64 as
        [0, 1], rounded to 16 bit; in either byte order.

    Raises
    ------
    UsageError: another shape or type, or floats outside [0, 1].
    """
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or not array.size:
        raise UsageError(
            f"an array of shape {array.shape} is no picture", "give (H, W) or (H, W, 1 to 4)"
        )
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in (np.float32, np.float64):
        if not (array.min() >= 0 and array.max() <= 1):  # false for NaN, too
            raise UsageError(
                f"floating-point pixels lie in {array.min():.4g} .. {array.max():.4g}",
                "scale them to 0 .. 1 and clip them, or give uint8 or uint16",
            )
        array = np.rint(array * 65535).astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"pixels are {array.dtype}", "give uint8, uint16 or float32 in 0 .. 1")
    pixels, alpha = _split(array)
    colour = SRGB if pixels.shape[2] == 3 else GREY
    return Picture(pixels, alpha, colour, encoding=Encoding("PNG", lossless=True))


Given = TypeVar("Given")

_CUT_OFF = re.compile(r"truncat|incomplete|not enough|cut off|end of file", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"unsupported|not supported|cannot handle|unknown (raw mode|pixel mode|compression)|"
    r"not implemented|no decoder|decoder .* not available",
    re.IGNORECASE,
)


def pages(data: bytes, name: str = "<bytes>") -> int:
    """How many pages the TIFF file *data* has; 1 for a file of any other format.

    Raises :class:`InputError` where its directories cannot be read.
    """
    return _guarded(name, lambda: tiff.read(data, 0).frames) if sniff(data) == "TIFF" else 1


def _guarded(name: str, work: Callable[[], Given]) -> Given:
    """*work*, with whatever a decoder may throw at a damaged file told in one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()
    except UndegradeError:
        raise
    except Unfit as error:
        raise InputError(f"cannot use {show(name)}: {error.what}", error.remedy) from None
    except Image.DecompressionBombError:
        raise LimitError(
            f"{show(name)} has a frame of more pixels than are allowed", "give a smaller picture"
        ) from None
    except MemoryError:
        raise LimitError(
            f"not enough memory to decode {show(name)}", "give a smaller picture"
        ) from None
    except Exception as error:  # a damaged file can make a decoder throw anything
        text = str(error)
        if isinstance(error, NotImplementedError) or (
            isinstance(error, OSError | SyntaxError | ValueError) and _UNKNOWN.search(text)
        ):
            raise InputError(
                f"cannot use {show(name)}: it is of a variant that is not supported ({text})",
                "convert it to PNG or TIFF with another program",
            ) from error
        # The words of decoders and of Python say nothing to people; they stay with the cause.
        why = text if isinstance(error, Broken) else "it is cut off" * bool(_CUT_OFF.search(text))
        raise InputError(
            f"cannot read {show(name)}: it is damaged or incomplete" + (why and f" ({why})"),
            "get an intact copy of the file",
        ) from error


def _decode(data: bytes, name: str, frame: int | None, limit: float) -> Picture:
    kind = sniff(data)
    assert kind is not None
    found = FORMATS[kind].read(data, (frame or 1) - 1)
    width, height = found.size
    if width * height > limit * 1e6:
        raise LimitError(
            f"{show(name)} has {width * height / 1e6:.1f} megapixels ({width} x {height}), "
            f"the limit is {limit:g}",
            "raise it with --max-megapixels",
        )
    if min(width, height) < 1:
        raise InputError(f"cannot read {show(name)}: it has no pixels", "give another file")
    what = f"{found.frames} {'pages' if kind == 'TIFF' else 'frames'}"
    if found.frames > 1 and frame is None:
        raise InputError(
            f"cannot use {show(name)}: it {'has' if kind == 'TIFF' else 'is animated,'} {what}",
            "choose one with --frame, or save one of them as a picture of its own",
        )
    if frame and frame > found.frames:
        raise UsageError(
            f"{show(name)} has no frame {frame}", f"it has {what}; choose one from 1 on"
        )
    return _finish(found, name)


def _finish(found: Opened, name: str) -> Picture:
    """The one path from what a format's ``read`` found to a picture."""
    kept, encoding, notes = found.metadata, found.encoding, found.notes
    exif, broken = metadata.clean_exif(kept.exif)
    if broken:
        notes.append("broken EXIF dropped")
    turn = 1 if found.upright else metadata.orientation(exif, kept.xmp)
    exif, xmp = metadata.upright(exif, kept.xmp)
    pixels, colour, profile, converted = _settle_colour(found, found.pixels(turn), exif)
    if converted:
        exif, encoding = metadata.mark_srgb(exif), replace(encoding, chunks=())
    pixels, alpha = _split(pixels)
    dpi = kept.dpi or metadata.dpi_of(exif)
    if dpi and not (min(dpi) >= 0.01 and max(dpi) <= 1e6):
        dpi = None
    gain_map = kept.gain_map
    if gain_map and turn != 1:
        gain_map = _turned_file(gain_map, turn, notes)
    kept = replace(kept, exif=exif, xmp=xmp, icc=profile, dpi=dpi, gain_map=gain_map)
    return Picture(pixels, alpha, colour, kept, encoding, name, tuple(notes))


def _settle_colour(
    found: Opened, array: NDArray[Any], exif: bytes | None
) -> tuple[NDArray[Any], ColourSpace, bytes | None, bool]:
    """Pixels (H, W, 1..4), what they mean, the profile to keep, and whether they were converted.

    Grey and RGB keep their values wherever curves and a matrix say what they mean; the rest goes
    to sRGB.
    """
    profile, notes, grey = found.metadata.icc, found.notes, array.shape[2] <= 2
    plain = GREY if grey else SRGB
    if found.mode:
        notes.append(f"{found.mode} converted to RGB")
        try:
            if profile is not None or found.mode == "LAB":
                given = None if found.mode == "LAB" else profile
                return icc.convert(array, given, found.mode), SRGB, None, True
        except ValueError:
            notes.append("broken colour profile dropped")
        return icc.plain_rgb(array, found.mode), SRGB, None, True
    if profile is None:
        if not grey and metadata.says_adobe_rgb(exif):
            # Embedded from now on: EXIF says it too quietly for most programs and formats.
            profile = icc.build("Adobe RGB (1998)", icc.ADOBE_RGB, icc.ADOBE_GAMMA)
            return array, icc.read(profile).colour or SRGB, profile, False
        return array, plain, None, False
    try:
        known = icc.read(profile)
    except ValueError as error:
        notes.append(f"broken colour profile dropped ({error}), read as sRGB")
        return array, plain, None, False
    if known.space != ("GRAY" if grey else "RGB"):
        notes.append(f"colour profile for {known.space} pixels dropped, it does not fit")
        return array, plain, None, False
    if grey or known.colour is not None:
        return array, known.colour or GREY, profile, False
    try:
        rgb = icc.convert(to_depth(array[:, :, :3], np.uint8), profile, "RGB")
    except ValueError as error:
        notes.append(f"colour profile dropped ({error}), read as sRGB")
        return array, SRGB, None, False
    notes.append("colours converted to sRGB from a profile made of tables")
    if array.dtype == np.uint16:
        notes.append("16 bits a sample read as 8 for its colour profile")
    if array.shape[2] == 4:
        rgb = np.concatenate([rgb, to_depth(array[:, :, 3:], np.uint8)], axis=2)
    return rgb, SRGB, None, True


def _turned_file(data: bytes, turn: int, notes: list[str]) -> bytes | None:
    """The JPEG *data* with its pixels turned as the EXIF orientation *turn* asks for."""
    try:
        picture = decode(data)
        return jpeg.write(picture.with_pixels(turned(picture.pixels, turn)), None)
    except UndegradeError:
        notes.append("broken gain map dropped")
        return None


def _split(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(H, W, 1..4) to pixels (H, W, 1 or 3) and alpha (H, W) or None, each contiguous."""
    if array.shape[2] in (1, 3):
        return array, None
    return np.ascontiguousarray(array[:, :, :-1]), np.ascontiguousarray(array[:, :, -1])
