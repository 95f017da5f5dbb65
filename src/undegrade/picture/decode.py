"""From a file, an array or a Pillow image to a :class:`Picture`.

A format's part (:mod:`undegrade.picture.drafts`) makes a draft from the header alone; limits are
checked on that; then one path, the same for all, settles colour, unpacks the pixels upright and
keeps the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.errors import InputError, LimitError, UndegradeError, UsageError
from undegrade.picture import icc, metadata
from undegrade.picture.alpha import bands, to_depth
from undegrade.picture.colour import GREY, SRGB, ColourSpace
from undegrade.picture.drafts import (
    KINDS,
    Draft,
    from_pillow,
    not_8_or_16,
    open_draft,
    sniff,
    turned,
)
from undegrade.picture.files import Source, read_source, show
from undegrade.picture.model import Encoding, Metadata, Picture


def decode(source: Source, *, name: str | None = None, max_megapixels: float = 200.0) -> Picture:
    """Read a photo: pixels upright, and everything else that the file holds.

    Parameters
    ----------
    source: a path, the bytes of a file, or an open binary file.
    name: what messages call it, and the picture's own name; None is the path or the file's name.
    max_megapixels: more than this is refused from the header, before a pixel is decoded.

    Raises
    ------
    InputError: missing, empty, cut off, corrupt, animated, several pages, not a known picture.
    LimitError: over the limit, or over the memory that there is.
    """
    data, known = read_source(source, int(max_megapixels * 16e6) + (64 << 20), name)
    return _guarded(known, lambda: _decode(data, known, max_megapixels))


def from_pil(image: Image.Image) -> Picture:
    """A Pillow image, in the frame it stands on, with all it carries; the image stays as it is.

    Raises
    ------
    InputError: its file is corrupt, or its mode ("F", "I") is not one of pictures.
    """
    name = getattr(image, "filename", "") or "<image>"

    def convert() -> Picture:
        draft = from_pillow(image, image.format or "PNG")
        draft.turned = image.format == "TIFF"
        return _finish(draft, str(name))

    return _guarded(str(name), convert)


def from_array(array: NDArray[Any]) -> Picture:
    """An array as a picture in sRGB.

    Parameters
    ----------
    array: (H, W) or (H, W, 1..4): grey, grey and alpha, RGB, RGB and alpha. uint8 and uint16 are
        taken as they are (without a copy where there is no alpha), float32 and float64 as
        [0, 1], rounded to 16 bit.

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
    if array.dtype in (np.float32, np.float64):
        if not (array.min() >= 0 and array.max() <= 1):  # false for NaN, too
            raise UsageError(
                f"floating-point pixels lie in {array.min():.4g} .. {array.max():.4g}",
                "scale them to 0 .. 1 and clip them, or give uint8 or uint16",
            )
        array = np.rint(array * 65535).astype(np.uint16)
    if array.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"pixels are {array.dtype}", "give uint8, uint16 or float32 in 0 .. 1")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    pixels, alpha = _split(array)
    colour = SRGB if pixels.shape[2] == 3 else GREY
    return Picture(pixels, alpha, colour, encoding=Encoding("PNG", lossless=True))


def _guarded(name: str, work: Callable[[], Picture]) -> Picture:
    """*work*, with whatever a decoder may throw at a damaged file told in one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()
    except UndegradeError:
        raise
    except MemoryError:
        raise LimitError(
            f"not enough memory to decode {show(name)}", "give a smaller picture"
        ) from None
    except Exception as error:  # a damaged file can make a decoder throw anything
        text = str(error).strip() or type(error).__name__
        raise InputError(
            f"cannot read {show(name)}: it is damaged or incomplete ({text})",
            "get an intact copy of the file",
        ) from error


def _decode(data: bytes, name: str, limit: float) -> Picture:
    kind = sniff(data)
    if kind is None:
        what = "it is a JPEG XL" if data[:2] == b"\xff\x0a" or data[4:8] == b"JXL " else ""
        raise InputError(
            f"cannot read {show(name)}: {what or 'it is not a picture of a known kind'}",
            f"give a {KINDS} file",
        )
    draft = open_draft(data, kind, name, limit)
    width, height = draft.size
    if width * height > limit * 1e6:
        raise LimitError(
            f"{show(name)} has {width * height / 1e6:.1f} megapixels ({width} x {height}), "
            f"the limit is {limit:g}",
            "raise it with --max-megapixels",
        )
    if min(width, height) < 1:
        raise InputError(f"cannot read {show(name)}: it has no pixels", "give another file")
    if draft.frames > 1:
        what = f"{draft.frames} pages" if kind == "TIFF" else f"is animated, {draft.frames} frames"
        raise InputError(
            f"cannot use {show(name)}: it {'has ' if kind == 'TIFF' else ''}{what}",
            "save one of them as a picture of its own",
        )
    return _finish(draft, name)


def _finish(draft: Draft, name: str) -> Picture:
    """The one path from a draft to a picture."""
    exif, broken = metadata.clean_exif(draft.exif)
    if broken:
        draft.notes.append("broken EXIF dropped")
    turn = 1 if draft.turned else metadata.orientation(exif, draft.xmp)
    exif, xmp = metadata.upright(exif, draft.xmp)
    if draft.array is not None:
        array = draft.array
        grey = array.shape[2] <= 2
        colour, convert = _settle_profile(draft, exif, grey)
        if convert:
            array = to_depth(array, np.uint8)
            image = Image.fromarray(np.ascontiguousarray(array[:, :, :3]))
            image = _by_profile(draft, image, convert)
            array = np.concatenate([np.asarray(image), array[:, :, 3:]], axis=2)
    else:
        array, colour = _unpack(draft, exif, name, turn)
    if draft.premultiplied and array.shape[2] in (2, 4):
        _unmultiply(array)
    pixels, alpha = _split(array)
    if draft.key is not None and alpha is None:
        top = np.iinfo(pixels.dtype).max
        scale = top // (2**draft.bits - 1) if pixels.shape[2] == 1 and draft.bits < 16 else 1
        key = np.array(draft.key, np.int64) * scale
        alpha = np.where((pixels == key).all(axis=2), 0, top).astype(pixels.dtype)
    if draft.converted:
        exif = metadata.mark_srgb(exif)
        draft.encoding = replace(draft.encoding, chunks=())
    dpi = draft.dpi or metadata.dpi_of(exif)
    if dpi and not (min(dpi) >= 0.01 and max(dpi) <= 1e6):
        dpi = None
    kept = Metadata(exif, xmp, draft.iptc, draft.icc, dpi, draft.comment, draft.chunks)
    return Picture(pixels, alpha, colour, kept, draft.encoding, name, tuple(draft.notes))


def _settle_profile(
    draft: Draft, exif: bytes | None, grey: bool
) -> tuple[ColourSpace, bytes | None]:
    """The colour space of a grey or RGB picture, and a profile to convert from, if need be.

    ``draft.icc`` becomes the profile to keep.
    """
    plain = GREY if grey else SRGB
    data = draft.icc
    if data is None:
        if not grey and metadata.says_adobe_rgb(exif):
            # Embedded from now on: EXIF says it too quietly for most programs and formats.
            draft.icc = icc.build("Adobe RGB (1998)", icc.ADOBE_RGB, icc.ADOBE_GAMMA)
            return icc.read(draft.icc).colour or SRGB, None
        return plain, None
    try:
        profile = icc.read(data)
    except ValueError as error:
        draft.icc = None
        draft.notes.append(f"broken colour profile dropped ({error}), read as sRGB")
        return plain, None
    if profile.space != ("GRAY" if grey else "RGB"):
        draft.icc = None
        draft.notes.append(f"colour profile for {profile.space} pixels dropped, it does not fit")
        return plain, None
    if grey:
        return GREY, None
    if profile.colour is not None:
        return profile.colour, None
    draft.icc = None
    return SRGB, data


def _unpack(
    draft: Draft, exif: bytes | None, name: str, turn: int
) -> tuple[NDArray[Any], ColourSpace]:
    """Pixels (H, W, 1..4) upright, and their colour space."""
    assert draft.image is not None
    image = draft.image()
    draft.image = None  # from here on only these lines hold it, so that it can be let go
    image.load()
    image = _simple_mode(draft, image, name)
    grey = draft.pairs or image.mode in ("L", "LA", "I") or image.mode.startswith("I;16")
    colour, convert = _settle_profile(draft, exif, grey)
    if convert:
        image = _by_profile(draft, image, convert)
    wide = draft.pairs or draft.low is not None or image.mode.startswith("I")
    channels = 2 if draft.pairs else len(image.getbands())
    width, height = image.size
    shape = (width, height) if turn >= 5 else (height, width)
    out = np.empty((*shape, channels), np.uint16 if wide else np.uint8)
    # A view of ``out`` that lies as the file does; 6 and 8 undo each other.
    stored = turned(out, {6: 8, 8: 6}.get(turn, turn))
    if draft.low is None:
        _copy_rows(draft, image, stored)
    else:
        _copy_rows(draft, image, stored, shift=8)
        del image
        _copy_rows(draft, draft.low(), stored, add=True)
    return out, colour


def _by_profile(draft: Draft, image: Image.Image, profile: bytes) -> Image.Image:
    """*image* in sRGB, from a profile that only LittleCMS can apply, in 8 bits."""
    if draft.low is not None or (draft.array is not None and draft.array.dtype == np.uint16):
        draft.low = None
        draft.notes.append("16 bits a sample read as 8 for its colour profile")
    try:
        image = icc.convert(image, profile, image.mode)
    except ValueError as error:
        draft.notes.append(f"colour profile dropped ({error}), read as sRGB")
        return image
    draft.converted = True
    draft.notes.append("colours converted to sRGB from a profile made of tables")
    return image


def _simple_mode(draft: Draft, image: Image.Image, name: str) -> Image.Image:
    """*image* in a mode that arrays can hold: L, LA, RGB, RGBA, I;16 or I of 16 bit."""
    mode = image.mode
    if mode in ("CMYK", "LAB"):
        return _to_rgb(draft, image)
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
    if mode in ("L", "LA", "RGB", "RGBA") or mode.startswith("I;16"):
        return image
    if mode == "I" and draft.encoding.format in ("PPM", "JPEG2000", "PNG"):
        low, high = image.getextrema()
        if isinstance(low, int | float) and low >= 0 and isinstance(high, int) and high < 65536:
            return image
    raise not_8_or_16(name)


def _to_rgb(draft: Draft, image: Image.Image) -> Image.Image:
    """CMYK or Lab to sRGB, by the embedded profile where there is a good one."""
    profile, draft.icc = draft.icc, None
    mode = image.mode
    draft.low, draft.premultiplied, draft.converted = None, False, True
    if mode == "LAB":
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    draft.notes.append(f"{mode} converted to RGB")
    if profile is not None:
        try:
            return icc.convert(image, profile, "RGB")
        except ValueError:
            draft.notes.append("broken colour profile dropped")
    return image.convert("RGB")


def _copy_rows(
    draft: Draft, image: Image.Image, stored: NDArray[Any], *, shift: int = 0, add: bool = False
) -> None:
    """Pillow's pixels into *stored* (H, W, C), band by band: the peak is theirs and ours.

    shift: bits to move the values up by; add: to what is there, not over it.
    """
    width, height = image.size
    twelve = image.mode == "I;16" and draft.bits == 12
    for rows in bands(height, width, 1 << 18):
        part = np.asarray(image.crop((0, rows.start, width, rows.stop)))
        if draft.pairs:
            part = np.ascontiguousarray(part).view(">u2")
        part = part.reshape(rows.stop - rows.start, width, -1)
        if twelve:
            part = np.rint(part * (65535 / 4095))
        if add:
            stored[rows] |= part
        else:
            stored[rows] = part
        if shift:
            stored[rows] <<= shift
        if draft.inverted:
            stored[rows] ^= 65535


def _unmultiply(array: NDArray[Any]) -> None:
    """Divide colour by alpha, in place."""
    top = int(np.iinfo(array.dtype).max)
    for rows in bands(*array.shape[:2]):
        alpha = array[rows, :, -1:].astype(np.uint64)
        safe = np.maximum(alpha, 1)
        colour = (array[rows, :, :-1] * np.uint64(top) + safe // 2) // safe
        array[rows, :, :-1] = np.minimum(colour, top)


def _split(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(H, W, 1..4) to pixels (H, W, 1 or 3) and alpha (H, W) or None, each contiguous."""
    if array.shape[2] in (1, 3):
        return array, None
    return np.ascontiguousarray(array[:, :, :-1]), np.ascontiguousarray(array[:, :, -1])
