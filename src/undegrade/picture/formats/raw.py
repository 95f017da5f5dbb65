"""Raw photos of cameras, developed by LibRaw (package ``rawpy``) to 16 bits in sRGB.

White balance is the camera's; nothing is denoised or sharpened here, so that the diagnosis sees
what the sensor's noise has become. A raw file is read and never written.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undegrade.imaging.srgb import to_srgb
from undegrade.picture import icc, ifd, metadata
from undegrade.picture.alpha import bands
from undegrade.picture.colour import SRGB_D50
from undegrade.picture.formats import jpeg, tiff
from undegrade.picture.formats.opened import Broken, Opened, Unfit, package, turned
from undegrade.picture.model import Encoding, Metadata

_DNG_VERSION, _SUB_IFDS, _PHOTOMETRIC, _COMPRESSION, _MAKER_NOTE = 50706, 330, 262, 259, 37500
_JPEG_XL = (50002, 52546)
_BLOCKS = ((273, 279), (324, 325))
"""Where strips or tiles lie, and how long they are."""
_MOSAICS = (32803, 34892)
"""Photometric interpretations of sensors: a colour filter array, linear raw."""
_STARTS = {
    b"FUJIFILMCCD-RAW": "RAF",
    b"IIRO": "ORF",
    b"IIRS": "ORF",
    b"MMOR": "ORF",
    b"IIU\0": "RW2",
    b"FOVb": "X3F",
    b"II\x1a\0\0\0HEAPCCDR": "CRW",
    b"qktk": "QTK",
    b"qktn": "QTK",
}
SUFFIXES = frozenset(
    {".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".raf", ".orf", ".rw2"}
    | {".pef", ".srw", ".x3f", ".kdc", ".qtk"}
)
"""Names of such files; what is in them decides."""

_WHITE = 99.9
"""Per cent of the pixels that stay below white."""
_LIGHTEN = 4.0
"""The most that a photo is lightened: two stops, what cameras leave free for highlights."""
_BLACK = 32
"""Of 65535: a photo whose highlights stay below has not been understood."""
_LEAST_BITS = 0.25
"""Bits a pixel below which a file cannot hold the sensor's samples."""
_TURNS = {3: 3, 5: 8, 6: 6}
"""LibRaw's turns as EXIF orientations."""


def kind_of(data: bytes) -> str | None:
    """The kind of raw file, "DNG", "CR2" ..., or None for anything else."""
    found = next((kind for start, kind in _STARTS.items() if data.startswith(start)), None)
    if found or data[4:12] == b"ftypcrx ":
        return found or "CR3"
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    if data[8:10] == b"CR":
        return "CR2"
    try:
        order = ifd.order_of(data)
        for at in _directories(data):
            if ifd.find(data, at, _DNG_VERSION):
                return "DNG"
            entry = ifd.find(data, at, _PHOTOMETRIC)
            if entry and entry.numbers(order)[:1] in [(one,) for one in _MOSAICS]:
                return "raw"
    except (ValueError, struct.error):
        return None
    return None


def _directories(data: bytes) -> Iterator[int]:
    """Offsets of the first directory and of those below it."""
    start = ifd.first(data)
    yield start
    below = ifd.find(data, start, _SUB_IFDS)
    yield from below.numbers(ifd.order_of(data)) if below else ()


def read(data: bytes, frame: int) -> Opened:
    """The header of the sensor's picture; :class:`Broken` where samples are missing.

    Raises :class:`Unfit` without rawpy, or for a camera or compression that LibRaw does not know.
    """
    kind = kind_of(data)
    message = f"it is a raw photo of a camera ({kind}), which needs the package rawpy"
    rawpy = package("rawpy", message=message, extra="raw")
    _check_whole(data)
    file = rawpy.RawPy()
    try:
        file.open_buffer(io.BytesIO(data))
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError):
        raise Unfit(f"LibRaw cannot develop this raw photo of a camera ({kind})") from None
    except rawpy.LibRawError as error:
        raise Broken("LibRaw cannot read it") from error
    sizes = file.sizes
    if 8 * len(data) < _LEAST_BITS * sizes.raw_width * sizes.raw_height:
        raise Broken("it is cut off")
    turn = _TURNS.get(sizes.flip, 1)
    width, height = _crop(sizes)[2:]
    found = Opened(
        (height, width) if turn >= 5 else (width, height),
        lambda _: _developed(file, turn),
        encoding=Encoding("RAW", lossless=True),
        upright=True,
        notes=["fields of the camera's maker stay in the raw photo"],
    )
    try:
        found.metadata = _metadata(data, file)
    except (ValueError, struct.error):
        found.notes.append("EXIF not kept, its directory cannot be read")
    profile = icc.build("sRGB", SRGB_D50, *icc.SRGB_CURVE)
    found.metadata = replace(found.metadata, icc=profile)
    return found


def _check_whole(data: bytes) -> None:
    """Refuse what LibRaw would show as black: samples that are not there, or are not decoded."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return
    with suppress(struct.error):
        order = ifd.order_of(data)
        for at in _directories(data):
            fields = {entry.tag: entry.numbers(order) for entry in ifd.directory(data, at)}
            if fields.get(_COMPRESSION, ())[:1] in [(one,) for one in _JPEG_XL]:
                raise Unfit(
                    "it is a raw photo compressed as JPEG XL, which LibRaw cannot undo",
                    "save it as a DNG of an older version, without JPEG XL",
                )
            for offsets, sizes in _BLOCKS:
                blocks = zip(fields.get(offsets, ()), fields.get(sizes, ()), strict=False)
                if any(start + size > len(data) for start, size in blocks):
                    raise Broken("it is cut off")


def _crop(sizes: Any) -> tuple[int, int, int, int]:
    """Left, top, width and height that the camera shows of what LibRaw develops, not turned."""
    left, top = (
        sizes.crop_left_margin - sizes.left_margin,
        sizes.crop_top_margin - sizes.top_margin,
    )
    width, height = sizes.crop_width, sizes.crop_height
    whole = 0, 0, int(sizes.iwidth), int(sizes.iheight)
    square = (sizes.width, sizes.height) == whole[2:]
    inside = left >= 0 <= top and left + width <= whole[2] and top + height <= whole[3]
    return (left, top, width, height) if width and height and square and inside else whole


def _developed(file: Any, turn: int) -> NDArray[np.uint16]:
    """(H, W, 3) uint16 in sRGB, turned upright; *file* is closed.

    LibRaw gives 16 bits linear in light; one table lightens them, so that the brightest thousandth
    is white (cameras expose with room above, and their own JPEGs are lightened, too), and bends
    them.
    """
    import rawpy

    sizes = file.sizes
    try:
        linear = file.postprocess(
            # What a camera does not say would be guessed by making the mean of the photo grey.
            use_camera_wb=file.camera_whitebalance[0] > 0,
            output_bps=16,
            output_color=rawpy.ColorSpace.sRGB,
            gamma=(1, 1),
            no_auto_bright=True,
            user_flip=0,
        )
    except (rawpy.LibRawIOError, rawpy.LibRawDataError) as error:
        raise Broken("it is cut off, or its samples are not what LibRaw expects") from error
    except rawpy.LibRawError:
        raise Unfit("LibRaw cannot develop this raw photo of a camera") from None
    finally:
        file.close()
    left, top, width, height = _crop(sizes)
    linear = linear[top : top + height, left : left + width]
    if linear.shape[2] == 1:  # sensors without colour filters
        linear = np.broadcast_to(linear, (*linear.shape[:2], 3))
    step = max(1, min(linear.shape[:2]) // 1000)
    white = np.percentile(linear[::step, ::step].max(axis=2), _WHITE)
    if white < _BLACK:
        raise Unfit("LibRaw develops it to black")
    gain = min(max(65535 / white, 1.0), _LIGHTEN)
    light = np.clip(np.arange(65536, dtype=np.float32) * np.float32(gain / 65535), 0, 1)
    table = np.rint(to_srgb(light) * 65535).astype(np.uint16)
    upright: NDArray[Any] = turned(linear, turn)
    out = np.empty(upright.shape, np.uint16)
    for rows in bands(*upright.shape[:2]):
        out[rows] = table[upright[rows]]
    return out


def _metadata(data: bytes, file: Any) -> Metadata:
    """What the file says of the photo, less all that is about the raw samples."""
    if data[:2] in (b"II", b"MM") and data[2:4] != b"\x1a\0":
        block = data
        if data[2:4] not in (b"*\0", b"\0*"):  # all that makes ORF and RW2 no TIFF
            block = data[:2] + (b"*\0" if data[:2] == b"II" else b"\0*") + data[4:]
        kept = tiff.metadata_of(block, ifd.first(block), without=_of_the_sensor)
        # Less the settings of a developer.
        packet = kept.xmp and metadata.without_xmp_field(kept.xmp, rb"crs:\w+")
        return replace(kept, xmp=packet, photoshop=None)
    if data[4:12] == b"ftypcrx ":
        return Metadata(exif=_exif_of_cr3(data))
    with suppress(Exception):  # any of LibRaw's, and of what reads the preview
        preview = file.extract_thumb()
        if isinstance(preview.data, bytes):
            kept = jpeg.read(preview.data, 0).metadata
            return Metadata(exif=_compact(kept.exif), xmp=kept.xmp, iptc=kept.iptc)
    return Metadata()


def _of_the_sensor(tag: int) -> bool:
    """Whether a field is of no meaning once the photo is developed."""
    tiff_ep = tag in (33421, 33422, 37398, 37399, _MAKER_NOTE)
    return tag < 254 or tag >= 50000 or tiff_ep


def _compact(exif: bytes | None) -> bytes | None:
    """*exif* without the maker's fields, which may hold offsets and are large."""
    if not exif:
        return None
    block = exif.removeprefix(b"Exif\0\0")
    return tiff.exif_of(block, ifd.first(block), without=_of_the_sensor)


def _exif_of_cr3(data: bytes) -> bytes | None:
    """Canon's boxes CMT1 (the camera), CMT2 (the exposure) and CMT4 (the place) as one block."""
    found: dict[bytes, list[ifd.Entry]] = {}
    order = "<"
    for name in (b"CMT1", b"CMT2", b"CMT4"):
        at = data.find(name, 0, 1 << 20)
        if at < 4:
            continue
        block = data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]
        order = ifd.order_of(block)
        fields = ifd.directory(block, ifd.first(block))
        found[name] = [one for one in fields if not _of_the_sensor(one.tag) or name == b"CMT4"]
    main = [one for one in found.pop(b"CMT1", []) if one.tag not in tiff.STRUCTURE]
    pointers = {b"CMT2": ifd.EXIF_IFD, b"CMT4": ifd.GPS_IFD}
    children = {pointers[name]: fields for name, fields in found.items()}
    return ifd.build(order, main, children) if main or children else None
