"""TIFF: its EXIF as a block of its own, 16-bit samples, and a small writer.

The writer begins the file with the EXIF block as it is (an EXIF block *is* a TIFF) and puts the
picture behind it, so that all offsets in the block, those inside maker notes too, stay right.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from undegrade.picture import ifd
from undegrade.picture.metadata import resolution

ICC, XMP, IPTC, PHOTOSHOP = 34675, 700, 33723, 34377

_STRUCTURE = frozenset(
    [
        *range(254, 267),  # sizes, bits, compression, photometric, thresholding, fill order
        *(273, 274, 277, 278, 279, 280, 281),  # strips, orientation, samples, extremes
        *(282, 283, 284, 290, 291, 292, 293, 296),  # resolution, planes, fax
        *(301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 334, 338, 339, 340, 341),
        *(347, 512, 513, 514, 519, 520, 521, 529, 530, 531, 532),  # JPEG, YCbCr
        *(ICC, XMP, IPTC, PHOTOSHOP, 37724, 50341),
        *(ifd.EXIF_IFD, ifd.GPS_IFD, ifd.INTEROP_IFD),
    ]
)
"""Fields that say how the pixels lie, or are carried elsewhere; all others describe the photo."""

_STRIP = 1 << 18
"""Bytes a strip before packing."""


def exif_of(data: bytes) -> bytes | None:
    """The describing fields of a TIFF as a compact EXIF block, or None if it has none.

    Raises
    ------
    ValueError: a directory is broken, or this is a BigTIFF.
    """
    order, start = ifd.order_of(data), ifd.first(data)
    main = [entry for entry in ifd.directory(data, start) if entry.tag not in _STRUCTURE]
    children = {}
    for tag in (ifd.EXIF_IFD, ifd.GPS_IFD):
        at = ifd.child(data, start, tag)
        if at:
            entries = ifd.directory(data, at)
            children[tag] = [entry for entry in entries if entry.tag != ifd.INTEROP_IFD]
            inner = ifd.child(data, at, ifd.INTEROP_IFD)
            if inner:
                children[ifd.INTEROP_IFD] = ifd.directory(data, inner)
    return ifd.build(order, main, children) if main or children else None


def pages(image: TiffImagePlugin.TiffImageFile) -> int:
    """Pictures in the file; reduced copies (thumbnails) of one are not counted."""
    count = 0
    for index in range(image.n_frames):
        image.seek(index)
        count += not int(image.tag_v2.get(254, 0)) & 1
    image.seek(0)
    return count


def raw_field(image: TiffImagePlugin.TiffImageFile, tag: int) -> bytes | None:
    """A field of bytes, which some writers declare as numbers."""
    value = image.tag_v2.get(tag)
    if isinstance(value, tuple):
        kind = image.tag_v2.tagtype.get(tag)
        code = {ifd.LONG: "I", ifd.SHORT: "H"}.get(kind or 0, "B")
        order = "<" if image.tag_v2._endian == "<" else ">"
        value = struct.pack(f"{order}{len(value)}{code}", *value)
    if isinstance(value, int):
        return None
    return bytes(value).rstrip(b"\0") or None if tag == XMP and value else value or None


def open_16(data: bytes, low_bytes: bool) -> TiffImagePlugin.TiffImageFile:
    """16-bit RGB or RGBA as a Pillow image of the upper or the lower bytes of the samples.

    Premultiplied alpha stays premultiplied, since it cannot be undone byte by byte.
    """
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    tiles = []
    for tile in image.tile:
        assert isinstance(tile.args, tuple)
        mode, end = tile.args[0].split(";16")
        if low_bytes:
            native = "L" if np.little_endian else "B"
            end = {"L": "B", "B": "L"}[native if end == "N" else end]
        # Decoders take L or B of the high byte alone; the other order shows the low one.
        raw = mode.replace("a", "A") + ";16" + end
        tiles.append(tile._replace(args=(raw, *tile.args[1:])))
    image.tile = tiles
    return image


def is_deep(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether the samples have 16 bits in a mode that shows only 8 of them."""
    bits = image.tag_v2.get(258, (1,))
    return max(bits) == 16 and image.mode in ("RGB", "RGBA")


def read_plain(data: bytes, limit: float) -> tuple[NDArray[Any], dict[str, Any]]:
    """Pixels of a TIFF that Pillow cannot open (planes, grey with alpha, ...), by tifffile.

    Returns
    -------
    (H, W, S) uint8 or uint16, and the fields ``orientation``, ``alpha`` (None, "plain" or
    "premultiplied"), ``white_is_zero``, ``pages``, ``size`` and ``icc``. Pixels are empty above
    *limit* megapixels or with several pages.

    Raises
    ------
    ValueError: a kind of picture that cannot be used.
    """
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages_of_file: list[Any] = list(file.pages)
        page = pages_of_file[0]
        tags = page.tags
        size = (int(page.imagewidth), int(page.imagelength))
        extras = [int(value) for value in page.extrasamples]
        icc = tags.valueof(ICC)
        found: dict[str, Any] = {
            "size": size,
            "pages": sum(not int(p.tags.valueof(254, 0)) & 1 for p in pages_of_file),
            "orientation": int(tags.valueof(274, 1)),
            "alpha": {1: "premultiplied", 2: "plain"}.get(extras[0]) if extras else None,
            "white_is_zero": page.photometric == 0,
            "icc": bytes(icc) if icc else None,
        }
        dtype = page.dtype
        if dtype is not None and dtype.kind == "f":
            raise ValueError(f"it holds {dtype.itemsize * 8}-bit floating-point samples")
        if dtype not in (np.uint8, np.uint16) or page.photometric not in (0, 1, 2):
            raise ValueError(f"its kind of samples ({dtype}, {page.photometric}) is not supported")
        if size[0] * size[1] > limit * 1e6 or found["pages"] > 1:
            return np.empty((0, 0, 1), np.uint8), found
        pixels = page.asarray()
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            pixels = np.moveaxis(pixels, 0, -1)
    return pixels if pixels.ndim == 3 else pixels[:, :, None], found


def write(
    pixels: NDArray[Any],
    alpha: NDArray[Any] | None,
    *,
    exif: bytes | None,
    xmp: bytes | None,
    iptc: bytes | None,
    icc: bytes | None,
    dpi: tuple[float, float] | None,
    packed: bool,
) -> bytes:
    """A TIFF of (H, W, 1 or 3) uint8 or uint16, with plain alpha, Deflate (lossless) or raw.

    Raises
    ------
    ValueError: it would have more than 4 GB, which a TIFF cannot.
    """
    order = ifd.order_of(exif) if exif else "<"
    height, width, channels = pixels.shape
    samples = channels + (alpha is not None)
    if pixels.nbytes // channels * samples > 0xFF000000:
        raise ValueError("more than 4 GB do not fit into a TIFF")
    out = bytearray(exif or b"II*\0\0\0\0\0")
    step = max(1, _STRIP // (width * samples * pixels.itemsize))
    stored = np.dtype(f"{order}u{pixels.itemsize}")
    offsets, counts = [], []
    for top in range(0, height, step):
        block = pixels[top : top + step]
        if alpha is not None:
            block = np.concatenate([block, alpha[top : top + step, :, None]], axis=2)
        if packed:
            raw = block.copy()
            raw[:, 1:] -= block[:, :-1]  # predictor 2, modulo the range
            strip = zlib.compress(raw.astype(stored).tobytes(), 6)
        else:
            strip = block.astype(stored).tobytes()
        out += b"\0" * (len(out) % 2)
        offsets.append(len(out))
        counts.append(len(strip))
        out += strip

    def many(tag: int, kind: int, values: list[int]) -> ifd.Entry:
        code = "H" if kind == ifd.SHORT else "I"
        return ifd.Entry(
            tag, kind, len(values), struct.pack(f"{order}{len(values)}{code}", *values)
        )

    def blob(tag: int, kind: int, value: bytes) -> ifd.Entry:
        return ifd.Entry(tag, kind, len(value), value)

    fields = [
        many(256, ifd.LONG, [width]),
        many(257, ifd.LONG, [height]),
        many(258, ifd.SHORT, [pixels.itemsize * 8] * samples),
        many(259, ifd.SHORT, [8 if packed else 1]),
        many(262, ifd.SHORT, [2 if channels == 3 else 1]),
        many(273, ifd.LONG, offsets),
        many(274, ifd.SHORT, [1]),
        many(277, ifd.SHORT, [samples]),
        many(278, ifd.LONG, [step]),
        many(279, ifd.LONG, counts),
        many(284, ifd.SHORT, [1]),
        many(339, ifd.SHORT, [1] * samples),
    ]
    if packed:
        fields.append(many(317, ifd.SHORT, [2]))
    if alpha is not None:
        fields.append(many(338, ifd.SHORT, [2]))
    if dpi:
        fields += resolution(dpi, order)
    if xmp:
        fields.append(blob(XMP, ifd.BYTE, xmp))
    if iptc:
        fields.append(blob(IPTC, ifd.UNDEFINED, iptc))
    if icc:
        fields.append(blob(ICC, ifd.UNDEFINED, icc))
    if exif:
        own = {entry.tag for entry in fields}
        pointers = {ifd.EXIF_IFD, ifd.GPS_IFD, ifd.INTEROP_IFD}
        fields += [
            entry
            for entry in ifd.directory(exif, ifd.first(exif))
            if entry.tag not in own and (entry.tag not in _STRUCTURE or entry.tag in pointers)
        ]
    out += b"\0" * (len(out) % 2)
    out[4:8] = struct.pack(order + "I", len(out))
    out += ifd.lay_out(fields, order, len(out))[0]
    return bytes(out)
