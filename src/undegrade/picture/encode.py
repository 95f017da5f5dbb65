"""From a :class:`Picture` back to a file of the same kind, or of another."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.errors import OutputError, UsageError
from undegrade.picture import metadata
from undegrade.picture.alpha import flatten, to_depth
from undegrade.picture.colour import in_srgb
from undegrade.picture.files import check_target, show, write_atomic
from undegrade.picture.formats import FORMATS, WRITABLE, format_of, jpeg, normal_format, tiff
from undegrade.picture.formats.pillow import bytes_of, from_pixels, image_8
from undegrade.picture.model import Metadata, Picture

_LABELS = {
    "icc": "colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "comment": "comment",
    "chunks": "text chunks of the PNG",
    "photoshop": "Photoshop resources",
    "segments": "further segments of the JPEG",
    "gain_map": "gain map (high dynamic range)",
    "trailer": "video or data behind the photo (such as of a Motion Photo)",
}
_THUMBNAIL_SIDE = 160


def default_format(picture: Picture) -> str:
    """The format to write where nobody names one: the source's own if that can be written.

    Otherwise (HEIF, GIF, ...) JPEG, or PNG where JPEG would lose what the source had: alpha,
    16 bits, or freedom from loss; TIFF, which photographers go on with, for a raw photo.
    """
    own = picture.encoding.format
    if own in WRITABLE or own == "RAW":
        return "TIFF" if own == "RAW" else own
    lossless = picture.encoding.lossless or picture.depth == 16 or picture.alpha is not None
    return "PNG" if lossless else "JPEG"


def working_memory(
    picture: Picture, width: int, height: int, format: str | None = None
) -> tuple[int, int]:
    """Bytes that decoding *picture* took beside its file and its samples, and that encoding it,
    then *width* x *height*, takes beside the samples.

    Parameters
    ----------
    format: that it is written in; None is :func:`default_format`.

    Raises
    ------
    UsageError: a format that cannot be written.
    """
    source = FORMATS.get(picture.encoding.format)
    # What is split into colours and alpha is copied.
    split = picture.nbytes if picture.alpha is not None else 0
    reading = source.reading * picture.width * picture.height if source else 0.0
    name = normal_format(format) if format else default_format(picture)
    a_pixel, a_byte = FORMATS[name].writing
    if name == "JPEG" and picture.encoding.subsampling not in (None, "4:4:4"):
        a_pixel -= jpeg.SPARED
    grown = width * height / (picture.width * picture.height)
    writing = width * height * a_pixel + grown * picture.nbytes * a_byte
    return int(reading) + split, int(writing)


def losses(picture: Picture, format: str | None = None) -> tuple[str, ...]:
    """What *format* cannot keep of *picture*, one sentence each; empty if it keeps all.

    Raises
    ------
    UsageError: a format that cannot be written.
    """
    name = normal_format(format) if format else default_format(picture)
    target, kept, out = FORMATS[name], picture.metadata, []
    if picture.depth > target.depth:
        out.append(f"16 bits a sample rounded to 8, all that {name} can hold")
    if picture.alpha is not None and not target.alpha:
        out.append(f"transparency laid over white, {name} has none")
    out += [
        f"{label} not kept, {name} has none"
        for field, label in _LABELS.items()
        if getattr(kept, field) and field not in target.keeps
    ]
    if name == "JPEG":
        out += [
            f"{label} of more than 64 KB not kept, JPEG has no room"
            for field, label in jpeg.LIMITED.items()
            if not jpeg.fits(kept, field)
        ]
    return tuple(out)


def to_pil(picture: Picture) -> Image.Image:
    """An 8-bit Pillow image: L, LA, RGB or RGBA, with EXIF, XMP, profile and dpi in ``info``.

    16 bits are rounded to the nearest of 256 levels: Pillow has no mode for more in colour.
    """
    image, kept = image_8(picture, opaque=False), picture.metadata
    exif = b"Exif\0\0" + kept.exif if kept.exif else None  # Pillow's way, which all its savers take
    named = {"exif": exif, "xmp": kept.xmp, "icc_profile": kept.icc, "dpi": kept.dpi}
    image.info.update({key: value for key, value in named.items() if value is not None})
    return image


def encode(
    picture: Picture,
    *,
    format: str | None = None,
    quality: int | None = None,
    strip: bool = False,
    mark: str | None = None,
) -> bytes:
    """The bytes of a file.

    Parameters
    ----------
    format: "JPEG", "PNG", "WEBP", "TIFF", "BMP" or "AVIF"; None is :func:`default_format`.
    quality: 1..100 for JPEG, WebP and AVIF. None: a JPEG is written with the quantisation tables
        and subsampling that it came with, a lossless WebP lossless; else JPEG 95 in 4:4:4,
        WebP 95, AVIF 90.
    strip: write pixels and colour profile only, and no mark.
    mark: the software that enhanced the photo, such as "undegrade 0.1.0", to be named in EXIF;
        XMP then says that an algorithm did it (IPTC's digital source type). None says nothing.

    What the format cannot keep, :func:`losses` lists.

    Raises
    ------
    OutputError: the format cannot hold a picture of this size.
    UsageError: an unknown format or a quality outside 1..100.
    """
    name = normal_format(format) if format else default_format(picture)
    target = FORMATS[name]
    assert target.write is not None
    picture = _checked(picture, name, quality, strip, mark)
    try:
        return target.write(picture, quality)
    except (OSError, ValueError, struct.error, OverflowError, RuntimeError) as error:
        raise OutputError(
            f"cannot write {show(picture.name)} as {name}: {error}", "choose another format"
        ) from None


def encode_pages(
    pictures: Sequence[Picture], *, strip: bool = False, mark: str | None = None
) -> bytes:
    """The bytes of a TIFF with a page for each picture; parameters as for :func:`encode`.

    Raises
    ------
    OutputError: it would have more than 4 GB.
    UsageError: no picture.
    """
    if not pictures:
        raise UsageError("a TIFF without a page is impossible", "give at least one picture")
    try:
        return tiff.write_pages([_checked(one, "TIFF", None, strip, mark) for one in pictures])
    except (ValueError, struct.error) as error:
        raise OutputError(
            f"cannot write the pages of {show(pictures[0].name)}: {error}", "write them one by one"
        ) from None


def _checked(
    picture: Picture, name: str, quality: int | None, strip: bool, mark: str | None
) -> Picture:
    """*picture* with the metadata that the format *name* is to hold, if it can hold it at all."""
    target = FORMATS[name]
    if quality is not None and not (isinstance(quality, int) and 1 <= quality <= 100):
        raise UsageError(f"quality {quality!r} is impossible", "give a whole number from 1 to 100")
    if max(picture.height, picture.width) > target.longest:
        raise OutputError(
            f"cannot write {show(picture.name)} as {name}: {picture.width} x {picture.height} "
            f"is over its {target.longest} pixels a side",
            "write PNG or TIFF instead",
        )
    kept = Metadata(icc=picture.metadata.icc) if strip else picture.metadata
    nothing = Metadata()
    kept = replace(kept, **{one: getattr(nothing, one) for one in _LABELS.keys() - target.keeps})
    return replace(picture, metadata=_true_again(picture, kept, name, None if strip else mark))


def _true_again(picture: Picture, kept: Metadata, name: str, mark: str | None) -> Metadata:
    """*kept* with what it says of the picture and of its file as it will be."""
    exif, packet = metadata.fit_size(kept.exif, kept.xmp, picture.width, picture.height)
    # Rather no thumbnail and no mark than a block that no longer fits.
    room = jpeg.room("exif") if name == "JPEG" and jpeg.fits(kept, "exif") else None
    if exif:
        exif = _with_thumbnail(exif, picture, room)
    if packet:
        packet = metadata.mended_xmp(
            packet,
            extended=any(body.startswith(jpeg.EXTENDED_XMP) for _, body in kept.segments),
            video=b"ftyp" in (kept.trailer or b""),
            gain_map=len(kept.gain_map or b""),
        )
    if mark and FORMATS[name].keeps >= {"exif", "xmp"}:
        larger = metadata.with_software(exif, mark)
        exif = larger if room is None or len(larger) <= room else exif
        marked = metadata.marked_xmp(packet)
        packet = marked if name != "JPEG" or len(marked) <= jpeg.room("xmp") else packet
    if not kept.gain_map:
        held = (one for one in kept.segments if not one[1].startswith(jpeg.GAIN_MAP_VERSION))
        kept = replace(kept, segments=tuple(held))
    return replace(kept, exif=exif, xmp=packet)


def _with_thumbnail(exif: bytes, picture: Picture, most: int | None) -> bytes:
    """*exif* whose thumbnail, if it has one, shows the picture as it is; *most* bytes in all."""
    try:
        room = metadata.thumbnail_room(exif)
        if room is None:
            return exif
        small = _thumbnail(picture)
        best = None
        if room:
            for quality in (85, 70, 50):
                best = bytes_of(small, "JPEG", quality=quality)
                if len(best) <= room:
                    break
        out = metadata.with_thumbnail(exif, best, *small.size)
        if most is not None and len(out) > most:
            out = metadata.with_thumbnail(exif, None, *small.size)
        return out
    except (ValueError, struct.error):
        return exif


def _thumbnail(picture: Picture) -> Image.Image:
    """The picture within 160 x 160, in sRGB, over white."""
    # Samples far apart, then an average over several of them: no copy of the whole.
    step = max(1, max(picture.height, picture.width) // (8 * _THUMBNAIL_SIDE))
    pixels: NDArray[Any] = to_depth(picture.pixels[::step, ::step], np.uint8)
    if picture.alpha is not None:
        pixels = flatten(pixels, to_depth(picture.alpha[::step, ::step], np.uint8))
    image = from_pixels(in_srgb(pixels, picture.colour))
    image.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), Image.Resampling.BOX)
    return image


def save(
    picture: Picture,
    path: str | os.PathLike[str] | BinaryIO,
    *,
    format: str | None = None,
    quality: int | None = None,
    strip: bool = False,
    mark: str | None = None,
    overwrite: bool = True,
    protect: Sequence[Path] = (),
) -> Path | None:
    """Write *picture* as the file *path*, whole or not at all, or into an open binary file.

    Parameters
    ----------
    format: None is what the suffix of *path* names; of an open file, :func:`default_format`.
    overwrite: False refuses a file that is there already.
    protect: files that must not be overwritten, the inputs, however *path* leads to them.

    Returns
    -------
    The path written; None of an open file.

    Raises
    ------
    OutputError, UsageError: see :func:`encode` and :func:`write_atomic`.
    """
    if not isinstance(path, str | os.PathLike):
        if not hasattr(path, "write"):
            raise UsageError(
                f"cannot write a picture to {type(path).__name__}",
                "give a path or an open binary file",
            )
        data = encode(picture, format=format, quality=quality, strip=strip, mark=mark)
        try:
            path.write(data)
        except TypeError:
            raise UsageError(
                "the file to write to is open as text", "open it in binary mode, 'wb'"
            ) from None
        return None
    path = Path(path)
    target = normal_format(format) if format else format_of(path)
    check_target(path, protect, overwrite)
    write_atomic(path, encode(picture, format=target, quality=quality, strip=strip, mark=mark))
    return path
