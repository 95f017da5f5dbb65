"""What the header of a file says, format by format: a draft of the picture, no pixel decoded."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from undegrade.errors import InputError
from undegrade.picture import heif, ifd, metadata, png, tiff
from undegrade.picture.files import show
from undegrade.picture.model import Encoding

_PILLOW = {
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),
    "WEBP": ("WebPImagePlugin", "WebPImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "PPM": ("PpmImagePlugin", "PpmImageFile"),
    "JPEG2000": ("Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "QOI": ("QoiImagePlugin", "QoiImageFile"),
}
"""Plug-ins called by name: ``Image.open`` has a process-wide size limit, and tries parsers (EPS,
PSD, FITS ...) that a photo program need not expose to strangers' files."""

KINDS = "JPEG, PNG, WebP, TIFF, BMP, AVIF, HEIF, GIF, PPM, JPEG 2000 or QOI"
_LOSSLESS = {"PNG", "TIFF", "BMP", "GIF", "PPM", "QOI"}


@dataclass
class Draft:
    """A file whose header is read and whose pixels are not."""

    size: tuple[int, int]
    frames: int = 1
    image: Callable[[], Image.Image] | None = None
    """Gives the Pillow image, or the upper bytes of a 16-bit one."""
    low: Callable[[], Image.Image] | None = None
    """Gives the lower bytes of a 16-bit one."""
    array: NDArray[Any] | None = None
    """(H, W, 1..4), where Pillow has no part in it."""
    pairs: bool = False
    """The image is RGBA, but means the four bytes of 16-bit grey with alpha."""
    premultiplied: bool = False
    """Colour is multiplied by alpha, which Pillow has not undone."""
    converted: bool = False
    """The pixels have been changed to sRGB."""
    bits: int = 8
    """Bits a sample of a grey picture below 8, for ``key``, or 12."""
    inverted: bool = False
    """White is zero, and nobody has turned that round yet."""
    key: tuple[int, ...] | None = None
    turned: bool = False
    """The decoder has applied the orientation already."""
    iptc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    encoding: Encoding = field(default_factory=Encoding)
    notes: list[str] = field(default_factory=list)


def sniff(data: bytes) -> str | None:
    """The format by its first bytes, whatever the name says."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return "PPM"
    starts = {
        b"\xff\xd8\xff": "JPEG",
        png.SIGNATURE: "PNG",
        b"II*\0": "TIFF",
        b"MM\0*": "TIFF",
        b"II+\0": "TIFF",
        b"MM\0+": "TIFF",
        b"BM": "BMP",
        b"GIF8": "GIF",
        b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
        b"\xff\x4f\xff\x51": "JPEG2000",
        b"qoif": "QOI",
    }
    found = (kind for start, kind in starts.items() if data.startswith(start))
    return next(found, None) or heif.brand(data)


def open_draft(data: bytes, kind: str, name: str, limit: float) -> Draft:
    """The header of a file of the format *kind*, which :func:`sniff` tells.

    Raises
    ------
    InputError: samples that are no pixels, or a package that is missing. Decoders raise anything.
    """
    if kind == "PNG":
        draft = _from_png(data)
    elif kind == "TIFF":
        draft = _from_tiff(data, name, limit)
    elif kind == "HEIF":
        draft = _from_heif(data, name)
    else:
        draft = from_pillow(_plugin(kind)(io.BytesIO(data)), kind)
        if kind == "WEBP":
            lossless = _webp_is_lossless(data)
            draft.encoding = replace(draft.encoding, lossless=lossless)
        elif kind == "AVIF" and _avif_is_deep(data):
            draft.notes.append("more than 8 bits a sample read as 8")
    return draft


def _plugin(kind: str) -> type[ImageFile.ImageFile]:
    from importlib import import_module

    module, plugin = _PILLOW[kind]
    found: type[ImageFile.ImageFile] = getattr(import_module(f"PIL.{module}"), plugin)
    return found


def from_pillow(image: Image.Image, kind: str) -> Draft:
    """Whatever a Pillow image carries, its pixels not touched yet."""
    info = image.info
    kind = "JPEG" if kind == "MPO" else kind
    draft = Draft(image.size, image=lambda: image)
    if isinstance(image, ImageFile.ImageFile) and kind != "JPEG":
        # GIF has to look for its end, which takes no decoding, and size is checked before use.
        draft.frames = int(getattr(image, "n_frames", 1))
    draft.exif, draft.xmp, draft.icc = (
        value.encode() if isinstance(value, str) else value
        for value in (info.get("exif"), info.get("xmp"), info.get("icc_profile"))
    )
    dpi = info.get("dpi")
    draft.dpi = (float(dpi[0]), float(dpi[1])) if dpi else None
    comment = info.get("comment")
    draft.comment = comment if isinstance(comment, bytes) and kind == "JPEG" else None
    resources = info.get("photoshop")
    if isinstance(resources, dict) and isinstance(resources.get(0x0404), bytes):
        draft.iptc = resources[0x0404]
    if "mp" in info:
        draft.notes.append("further pictures in the file (MPF, such as a gain map) not kept")
    draft.encoding = _jpeg_encoding(image) if kind == "JPEG" else Encoding(kind)
    if kind in _LOSSLESS:
        draft.encoding = replace(draft.encoding, lossless=True)
    return draft


def _jpeg_encoding(image: Image.Image) -> Encoding:
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if not tables:
        return Encoding("JPEG")
    used = [tuple(tables[layer[3]]) for layer in layers if layer[3] in tables]
    used = used or [tuple(table) for table in tables.values()]
    while len(used) > 1 and used[-1] == used[-2]:
        used.pop()  # encoders take the last for all further components
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] | None = None
    if len(layers) == 3:
        factors = (layers[0][1], layers[0][2])
        # 4:1:1 and the like cannot be written; nothing coarser than 4:2:0 can.
        known: dict[tuple[int, int], Literal["4:2:2", "4:2:0"]]
        known = {(2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:2:0", (4, 2): "4:2:0"}
        subsampling = known.get(factors, "4:4:4")
    return Encoding(
        "JPEG",
        jpeg_tables=tuple(used),
        jpeg_quality=_jpeg_quality(used[0]),
        subsampling=subsampling,
        progressive=bool(image.info.get("progressive")),
    )


def _jpeg_quality(table: tuple[int, ...]) -> float:
    """The quality 1..100 whose luma table is nearest to *table* in the logarithm."""
    from undegrade.degradation.jpeg_tables import LUMA, scaled_table

    logs = np.log(np.maximum(table, 1))
    misfits = [
        float(np.abs(np.log(scaled_table(LUMA, quality).ravel()) - logs).sum())
        for quality in range(1, 101)
    ]
    return float(np.argmin(misfits) + 1)


def _from_png(data: bytes) -> Draft:
    file = png.parse(data)
    if file.frames > 1:
        return Draft((file.width, file.height), file.frames)
    deep = file.bits == 16 and file.kind in (2, 4, 6)
    return Draft(
        (file.width, file.height),
        image=lambda: png.open_pixels(file),
        low=(lambda: png.open_pixels(file, True)) if deep and file.kind != 4 else None,
        pairs=deep and file.kind == 4,
        bits=file.bits,
        key=file.key,
        exif=file.exif,
        xmp=file.xmp,
        icc=file.icc,
        dpi=file.dpi,
        chunks=tuple(file.texts),
        encoding=Encoding("PNG", lossless=True, chunks=tuple(file.colours)),
        notes=file.notes,
    )


def _from_tiff(data: bytes, name: str, limit: float) -> Draft:
    from PIL import TiffImagePlugin

    try:
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
        deep = tiff.is_deep(image)
        unknown = deep and image.tag_v2.get(284) == 2  # planes of 16 bit
    except (SyntaxError, NotImplementedError, KeyError):
        unknown = True
    if unknown:
        draft = _from_other_tiff(data, name, limit)
    else:
        if image.mode in ("F", "I"):
            raise not_8_or_16(name)
        draft = from_pillow(image, "TIFF")
        draft.turned = True
        draft.frames = tiff.pages(image) if draft.frames > 1 else 1
        draft.xmp = tiff.raw_field(image, tiff.XMP)
        draft.iptc = tiff.raw_field(image, tiff.IPTC)
        resources = tiff.raw_field(image, tiff.PHOTOSHOP)
        if draft.iptc is None and resources:
            draft.iptc = metadata.iptc_of(resources)
        compression = str(image.info.get("compression", "raw"))
        draft.encoding = replace(draft.encoding, compression=compression)
        draft.inverted = image.mode.startswith("I;16") and image.tag_v2.get(262) == 0
        draft.bits = int(max(image.tag_v2.get(258, (8,)))) if image.mode == "I;16" else 8
        if metadata.X_RESOLUTION not in image.tag_v2:
            draft.dpi = None  # Pillow makes one up
        if deep:
            draft.image = lambda: tiff.open_16(data, False)
            draft.low = lambda: tiff.open_16(data, True)
            draft.premultiplied = image.mode == "RGBA" and 1 in image.tag_v2.get(338, ())
    try:
        draft.exif = tiff.exif_of(data)
    except (ValueError, struct.error):
        draft.exif = None
        draft.notes.append("EXIF not kept, its directory cannot be read")
    return draft


def _from_other_tiff(data: bytes, name: str, limit: float) -> Draft:
    try:
        pixels, found = tiff.read_plain(data, limit)
    except ValueError as error:
        if "floating" in str(error):
            raise not_8_or_16(name) from None
        raise
    if found["white_is_zero"]:
        pixels = np.iinfo(pixels.dtype).max - pixels
    keep = (3 if pixels.shape[2] >= 3 else 1) + (found["alpha"] is not None)
    pixels = turned(pixels[:, :, :keep], found["orientation"])
    return Draft(
        found["size"],
        found["pages"],
        array=np.ascontiguousarray(pixels),
        premultiplied=found["alpha"] == "premultiplied",
        turned=True,
        icc=found["icc"],
        xmp=_tiff_bytes(data, tiff.XMP),
        iptc=_tiff_bytes(data, tiff.IPTC),
        dpi=metadata.dpi_of(data) if data[2:4] in (b"*\0", b"\0*") else None,
        encoding=Encoding("TIFF", lossless=True, compression="tiff_adobe_deflate"),
    )


def _tiff_bytes(data: bytes, tag: int) -> bytes | None:
    """A field of the first directory; None where there is none, or this is a BigTIFF."""
    try:
        entry = ifd.find(data, ifd.first(data), tag)
    except ValueError:
        return None
    return entry.value if entry and entry.value else None


def _from_heif(data: bytes, name: str) -> Draft:
    file = heif.open_heif(data, show(name))
    info = file.info
    draft = Draft(
        tuple(file.size),
        image=lambda: heif.image_of(file),
        exif=info.get("exif"),
        xmp=info.get("xmp"),
        icc=info.get("icc_profile"),
        turned=True,
        encoding=Encoding("HEIF"),
    )
    if info.get("bit_depth", 8) > 8:
        draft.notes.append(f"{info['bit_depth']} bits a sample read as 8")
    if len(file) > 1:
        draft.notes.append("only the main picture of the file read")
    return draft


def _webp_is_lossless(data: bytes) -> bool:
    """Whether the picture chunk is VP8L."""
    at = 12
    while at + 8 <= len(data):
        kind = data[at : at + 4]
        if kind in (b"VP8L", b"VP8 "):
            return kind == b"VP8L"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return False


def _avif_is_deep(data: bytes) -> bool:
    """Whether the AV1 configuration says more than 8 bits."""
    at = data.find(b"av1C", 0, 1 << 16)
    return at > 0 and bool(data[at + 6] & 0x40)


def not_8_or_16(name: str) -> InputError:
    return InputError(
        f"cannot use {show(name)}: its samples are floating-point or 32-bit numbers",
        "convert it to 8 or 16 bits a sample first",
    )


def turned(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of stored pixels (H, W, ...) as EXIF *orientation* 1..8 means them."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array
