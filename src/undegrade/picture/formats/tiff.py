"""TIFF and BigTIFF: pages, EXIF as a block of its own, 16-bit samples.

Pillow (libtiff) decodes what it has a mode for, 16-bit RGB in two halves; tifffile the rest, and
it writes. What it cannot write is EXIF: where there is some, the file begins with that block as it
is (an EXIF block *is* a TIFF) and the picture follows, so that all offsets in the block, those
inside maker notes too, stay right.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undegrade.picture import ifd, metadata
from undegrade.picture.alpha import bands
from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Broken, Opened, Unfit, turned
from undegrade.picture.model import Encoding, Metadata, Picture

_SUBFILE, _BITS, _PHOTOMETRIC, _ORIENTATION, _PLANES = 254, 258, 262, 274, 284
_STRIPS, _EXTRA, _FORMAT, _TRANSFER = 273, 338, 339, 301
_ICC, _XMP, _IPTC, _PHOTOSHOP, _LAYERS = 34675, 700, 33723, 34377, 37724
_POINTERS = {ifd.EXIF_IFD, ifd.GPS_IFD, ifd.INTEROP_IFD}

STRUCTURE = frozenset(
    [
        *range(254, 267),  # sizes, bits, compression, photometric, thresholding, fill order
        *(273, 274, 277, 278, 279, 280, 281),  # strips, orientation, samples, extremes
        *(282, 283, 284, 290, 291, 292, 293, 296),  # resolution, planes, fax
        *(317, 320, 321, 322, 323, 324, 325, 330, 332, 334, 338, 339, 340, 341),
        *(347, 512, 513, 514, 519, 520, 521, 529, 530, 531, 532),  # JPEG, YCbCr
        *(_ICC, _XMP, _IPTC, _PHOTOSHOP, _LAYERS, 50341),
        *_POINTERS,
    ]
)
"""Fields that say how the pixels lie, or are carried elsewhere; all others describe the photo."""

_RARE = {"webp", "zstd", "lzma", "jpeg2000", "tiff_sgilog", "tiff_sgilog24"}
_STRIP = 1 << 18
"""Bytes a strip before packing."""


def read(data: bytes, frame: int) -> Opened:
    """The directory of a page, of those that are no reduced copies of others.

    Raises :class:`Unfit` for samples that are no levels, or a compression that cannot be undone.
    """
    _hush()
    starts = ifd.directories(data)
    pages = [at for at in starts if not ifd.value_of(data, at, _SUBFILE) & 1] or starts
    start = pages[min(frame, len(pages) - 1)]
    found = _by_pillow(data, starts.index(start)) or _by_tifffile(data, starts.index(start))
    found.frames, found.upright = len(pages), True
    try:
        found.metadata = metadata_of(data, start)
        if ifd.find(data, start, _LAYERS):
            found.notes.append("Photoshop's layers not kept")
    except (ValueError, struct.error):
        found.notes.append("EXIF not kept, its directory cannot be read")
    return found


@cache
def _hush() -> None:
    """Have no library write to stderr what its exceptions say."""
    import ctypes
    from pathlib import Path

    import PIL

    for library in ("tifffile", "PIL"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    place = Path(PIL.__file__).parent
    for folder in (place.parent / "pillow.libs", place / ".dylibs"):
        for path in folder.glob("libtiff*"):
            with suppress(OSError, AttributeError):
                ctypes.CDLL(str(path)).TIFFSetErrorHandler(None)


def metadata_of(
    data: bytes, start: int, without: Callable[[int], bool] = lambda tag: False
) -> Metadata:
    """What the page at *start* carries beside its pixels; parameters as for :func:`exif_of`."""

    def value(tag: int) -> bytes | None:
        entry = ifd.find(data, start, tag)
        return entry.value or None if entry else None

    iptc, xmp = value(_IPTC), value(_XMP)
    if iptc and iptc[0] != 0x1C and iptc[3:4] == b"\x1c":  # declared as LONG, and swapped as such
        iptc = np.frombuffer(iptc[: len(iptc) // 4 * 4], "<u4").byteswap().tobytes()
    in_resources, resources = metadata.split_resources(value(_PHOTOSHOP) or b"")
    return Metadata(
        exif=exif_of(data, start, without),
        xmp=xmp.rstrip(b"\0") or None if xmp else None,
        iptc=iptc.rstrip(b"\0") or None if iptc else in_resources,
        icc=value(_ICC),
        dpi=metadata.dpi_of(data, start),
        photoshop=resources,
    )


def exif_of(
    data: bytes, start: int, without: Callable[[int], bool] = lambda tag: False
) -> bytes | None:
    """The describing fields of a page as a compact EXIF block, or None if it has none.

    Parameters
    ----------
    without: whether a field of the page itself, or of its Exif directory, is to be left out.
    """

    def fields(at: int, left_out: Callable[[int], bool] = lambda tag: False) -> list[ifd.Entry]:
        return [
            entry
            for entry in ifd.directory(data, at)
            # Eight-byte integers have no place in EXIF, long tone curves none in most files.
            if not left_out(entry.tag)
            and entry.kind < 16
            and not (entry.tag == _TRANSFER and entry.count > 768)
        ]

    main, children = fields(start, lambda tag: tag in STRUCTURE or without(tag)), {}
    if at := ifd.child(data, start, ifd.EXIF_IFD):
        children[ifd.EXIF_IFD] = fields(at, lambda tag: tag == ifd.INTEROP_IFD or without(tag))
        if inner := ifd.child(data, at, ifd.INTEROP_IFD):
            children[ifd.INTEROP_IFD] = fields(inner)
    if at := ifd.child(data, start, ifd.GPS_IFD):
        children[ifd.GPS_IFD] = fields(at)
    return ifd.build(ifd.order_of(data), main, children) if main or children else None


def _by_pillow(data: bytes, index: int) -> Opened | None:
    """The page *index* of all, or None if Pillow has no mode for it."""

    def open_page() -> Any:
        image = pillow.plugin("Tiff", data)
        image.seek(index)
        return image

    try:
        image = open_page()
    except (SyntaxError, NotImplementedError, KeyError):
        return None
    tags = image.tag_v2
    if image.mode in ("F", "I"):
        raise pillow.numbers()
    if 2 in tags.get(_FORMAT, ()):
        return None  # signed, which Pillow reads as if it were not
    found = pillow.opened(image, "TIFF", lossless=True)
    compression = str(image.info.get("compression", "raw"))
    found.encoding = replace(found.encoding, compression=compression)
    if compression in _RARE:
        found.pixels = _rarely(found.pixels, compression)
    bits = max(tags.get(_BITS, (1,)))
    if image.mode in ("RGB", "RGBA") and bits == 16:
        if tags.get(_PLANES) == 2:
            return None
        premultiplied = image.mode == "RGBA" and 1 in tags.get(_EXTRA, ())
        found.pixels = lambda turn: _halves(open_page, premultiplied)
    elif image.mode.startswith("I;16"):
        white = tags.get(_PHOTOMETRIC) == 0

        def levels(part: NDArray[Any]) -> NDArray[Any]:
            if bits == 12:
                part = np.rint(part * (65535 / 4095)).astype(np.uint16)
            return part ^ np.uint16(65535) if white else part

        found.pixels = pillow.unpacking(image, "TIFF", levels)
    return found


def _rarely(decode: Callable[[int], NDArray[Any]], compression: str) -> Any:
    """*decode*, whose failure is more likely libtiff's want of a library than damage."""

    def pixels(turn: int) -> NDArray[Any]:
        try:
            return decode(turn)
        except OSError:
            raise Unfit(f"its compression ({compression}) is not supported here") from None

    return pixels


def _halves(open_page: Callable[[], Any], premultiplied: bool) -> NDArray[Any]:
    """16-bit RGB or RGBA, whose colour may be *premultiplied* by alpha."""

    def half(lower: bool) -> Any:
        image, tiles = open_page(), []
        for tile in image.tile:
            mode, end = tile.args[0].split(";16")
            if lower:
                native = "L" if np.little_endian else "B"
                end = {"L": "B", "B": "L"}[native if end == "N" else end]
            # Decoders take L or B of the high byte alone; the other order shows the low one.
            # Premultiplied alpha stays so, since it cannot be undone byte by byte.
            raw = mode.replace("a", "A") + ";16" + end
            tiles.append(tile._replace(args=(raw, *tile.args[1:])))
        image.tile = tiles
        return image

    out = pillow.from_halves(half, 1)
    if premultiplied:
        _unmultiply(out)
    return out


def _unmultiply(array: NDArray[Any]) -> None:
    """Divide colour by alpha, in place."""
    top = int(np.iinfo(array.dtype).max)
    for rows in bands(*array.shape[:2]):
        alpha = array[rows, :, -1:].astype(np.uint64)
        safe = np.maximum(alpha, 1)
        colour = (array[rows, :, :-1] * np.uint64(top) + safe // 2) // safe
        array[rows, :, :-1] = np.minimum(colour, top)


def _by_tifffile(data: bytes, index: int) -> Opened:
    """What Pillow has no mode for: planes of 16 bit, grey with alpha, signed samples ..."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[index]
        dtype = page.dtype
        if dtype is None or dtype.kind == "f" or dtype.itemsize > 2:
            raise pillow.numbers()
        if page.photometric not in (0, 1, 2):
            kind = getattr(page.photometric, "name", page.photometric)
            raise Unfit(f"its kind of samples ({dtype}, {kind}) is not supported")
    found = Opened(
        (int(page.imagewidth), int(page.imagelength)),
        lambda turn: _samples(data, index),
        encoding=Encoding("TIFF", lossless=True, compression="tiff_adobe_deflate"),
    )
    if dtype.kind == "i":
        found.notes.append("signed samples moved up by half their range")
    return found


def _samples(data: bytes, index: int) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[index]
        try:
            array = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            raise Unfit(
                f"its compression ({page.compression.name}) in this layout needs the package "
                "imagecodecs",
                "pip install imagecodecs, or convert it to PNG or TIFF with another program",
            ) from None
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            array = np.moveaxis(array, 0, -1)
        if array.ndim == 2:
            array = array[:, :, None]
        if array.ndim != 3:
            raise Broken("its directory contradicts itself")
        if array.dtype.kind == "i":
            half = np.iinfo(array.dtype).max + 1
            array = array.astype(array.dtype.newbyteorder("=")).view(f"u{array.itemsize}") ^ half
        if page.photometric == 0:
            array = np.iinfo(array.dtype).max - array
        alpha = {1: "premultiplied", 2: "plain"}.get(next(iter(page.extrasamples), 0))
        keep = (3 if array.shape[2] >= 3 else 1) + bool(alpha)
        array = turned(array[:, :, :keep], int(page.tags.valueof(_ORIENTATION, 1)))
    array = np.array(array, array.dtype.newbyteorder("="))
    if alpha == "premultiplied":
        _unmultiply(array)
    return array


def write(picture: Picture, quality: int | None) -> bytes:
    """The bytes of a TIFF of 8 or 16 bits a sample, Deflate, or raw if it came so.

    Raises ``ValueError`` beyond 4 GB, which a TIFF cannot hold.
    """
    exif = picture.metadata.exif
    return _page(picture, ifd.order_of(exif) if exif else "<")


def write_pages(pictures: Sequence[Picture]) -> bytes:
    """The bytes of a TIFF of several pages, each with all that it carries.

    Raises ``ValueError`` beyond 4 GB, or if the pages' EXIF is not of one byte order.
    """
    orders = {ifd.order_of(one.metadata.exif) for one in pictures if one.metadata.exif} or {"<"}
    if len(orders) > 1:
        raise ValueError("EXIF of either byte order does not fit into one TIFF")
    (order,) = orders
    out, link = bytearray(b"II*\0" if order == "<" else b"MM\0*") + bytes(4), 4
    for picture in pictures:
        page = _page(picture, order)
        (count,) = struct.unpack_from(order + "H", page, ifd.first(page))
        out += b"\0" * (len(out) % 2)
        if len(out) + len(page) > 0xFF000000:
            raise ValueError("more than 4 GB do not fit into a TIFF")
        page = ifd.moved(page, len(out) - 8, frozenset([_STRIPS]))
        struct.pack_into(order + "I", out, link, ifd.first(page))
        link = ifd.first(page) + 2 + 12 * count
        out += memoryview(page)[8:]
    return bytes(out)


def _page(picture: Picture, order: str) -> bytes:
    """A TIFF of one page in the byte order "<" or ">", which is that of its EXIF."""
    import tifffile

    kept, pixels = picture.metadata, picture.pixels
    height, width, channels = pixels.shape
    samples = channels + (picture.alpha is not None)
    if width * height * samples * pixels.itemsize > 0xFF000000:
        raise ValueError("more than 4 GB do not fit into a TIFF")
    packed = picture.encoding.compression != "raw"
    step = max(1, _STRIP // (width * samples * pixels.itemsize))
    blobs = (
        (_XMP, ifd.BYTE, kept.xmp),
        (_IPTC, ifd.UNDEFINED, kept.iptc),
        (_PHOTOSHOP, ifd.UNDEFINED, kept.photoshop),
    )
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder="<" if order == "<" else ">") as writer:
        writer.write(
            _strips(picture, step, order, packed),
            shape=(height, width, samples) if samples > 1 else (height, width),
            dtype=f"{order}u{pixels.itemsize}",
            photometric="rgb" if channels == 3 else "minisblack",
            planarconfig="contig" if samples > 1 else None,
            extrasamples=None if picture.alpha is None else ["unassalpha"],
            rowsperstrip=step,
            compression="zlib" if packed else None,
            predictor=2 if packed else None,
            iccprofile=kept.icc,
            resolution=kept.dpi,
            resolutionunit="INCH" if kept.dpi else None,
            software=False,
            metadata=None,
            extratags=[(tag, kind, len(blob), blob, True) for tag, kind, blob in blobs if blob],
        )
    return _behind_exif(kept.exif, file.getvalue()) if kept.exif else file.getvalue()


def _strips(picture: Picture, step: int, order: str, packed: bool) -> Iterator[bytes]:
    """The picture in strips of *step* rows, each packed: alpha and order cost no whole copy."""
    stored = np.dtype(f"{order}u{picture.pixels.itemsize}")
    for top in range(0, picture.height, step):
        block = picture.pixels[top : top + step]
        if picture.alpha is not None:
            block = np.concatenate([block, picture.alpha[top : top + step, :, None]], axis=2)
        if packed:
            raw = block.copy()
            raw[:, 1:] -= block[:, :-1]  # predictor 2, modulo the range
            yield zlib.compress(raw.astype(stored).tobytes(), 6)
        else:
            yield block.astype(stored).tobytes()


def _behind_exif(exif: bytes, file: bytes) -> bytes:
    """The TIFF *file* moved behind *exif*, and one directory for both."""
    order = ifd.order_of(exif)
    shift = len(exif) + len(exif) % 2 - 8
    fields = []
    for entry in ifd.directory(file, ifd.first(file)):
        if entry.tag == _STRIPS:
            moved = [at + shift for at in entry.numbers(order)]
            value = struct.pack(f"{order}{len(moved)}I", *moved)
            fields.append(ifd.Entry(entry.tag, ifd.LONG, len(moved), value))
        else:
            fields.append(replace(entry, at=entry.at + shift))
    own = {entry.tag for entry in fields}
    fields += [
        entry
        for entry in ifd.directory(exif, ifd.first(exif))
        if entry.tag not in own and (entry.tag not in STRUCTURE or entry.tag in _POINTERS)
    ]
    out = bytearray(exif + b"\0" * (len(exif) % 2))
    out += memoryview(file)[8:]
    out += b"\0" * (len(out) % 2)
    out[4:8] = struct.pack(order + "I", len(out))
    out += ifd.lay_out(fields, order, len(out))[0]
    return bytes(out)
