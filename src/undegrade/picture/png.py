"""PNG by chunks: everything beside the pixels, and pixels of 16 bit, which Pillow cannot hold.

A file is walked once, all checksums included. Pillow then gets a file of nothing but the pixel
chunks, so that an odd text or a broken profile can never keep it from decoding.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from undegrade.picture.alpha import bands

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEY = b"XML:com.adobe.xmp"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_COLOURS = (b"gAMA", b"cHRM", b"sRGB", b"cICP")
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_MOST_TEXT = 64 << 20
"""Bytes that a compressed profile or packet may have when unpacked."""

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass
class PngFile:
    """A PNG taken apart."""

    width: int
    height: int
    bits: int
    kind: int
    """Colour type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha."""
    pixel_chunks: list[tuple[bytes, bytes]] = field(default_factory=list)
    """What a decoder needs, (type, payload)."""
    frames: int = 1
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    texts: list[tuple[bytes, bytes]] = field(default_factory=list)
    colours: list[tuple[bytes, bytes]] = field(default_factory=list)
    key: tuple[int, ...] | None = None
    """The one transparent colour of a grey or RGB picture, in its own depth."""
    notes: list[str] = field(default_factory=list)


def parse(data: bytes) -> PngFile:
    """Take a PNG apart.

    Raises
    ------
    ValueError: cut off, a wrong checksum where it matters, not a PNG.
    """
    png: PngFile | None = None
    for kind, payload, intact in _walk(data):
        if not intact and (kind in _CRITICAL or png is None):
            raise ValueError(f"the checksum of its {kind.decode('latin-1')} chunk is wrong")
        if png is None:
            if kind != b"IHDR" or len(payload) != 13:
                raise ValueError("it has no header")
            width, height, bits, colour = struct.unpack_from(">IIBB", payload)
            if colour not in _CHANNELS:
                raise ValueError(f"its colour type {colour} is unknown")
            png = PngFile(width, height, bits, colour)
        if intact:
            _sort_in(png, kind, payload)
        else:
            png.notes.append(f"broken {kind.decode('latin-1')} chunk dropped")
    if png is None or png.pixel_chunks[-1][0] != b"IEND":
        raise ValueError("it is cut off (no end)")
    return png


def _walk(data: bytes) -> Iterable[tuple[bytes, bytes, bool]]:
    at = len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise ValueError("it is cut off")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise ValueError("it is cut off")
        payload = data[at + 8 : end]
        (expected,) = struct.unpack_from(">I", data, end)
        yield kind, payload, zlib.crc32(payload, zlib.crc32(kind)) == expected
        at = end + 4
        if kind == b"IEND":
            return


def _sort_in(png: PngFile, kind: bytes, payload: bytes) -> None:
    if kind in _CRITICAL or (kind == b"tRNS" and png.kind == 3):
        png.pixel_chunks.append((kind, payload))
    elif kind == b"tRNS" and png.kind in (0, 2) and len(payload) == 2 * _CHANNELS[png.kind]:
        png.key = struct.unpack(f">{_CHANNELS[png.kind]}H", payload)
    elif kind == b"acTL" and len(payload) >= 4:
        png.frames = int(struct.unpack_from(">I", payload)[0])
    elif kind == b"eXIf":
        png.exif = payload
    elif kind == b"iCCP":
        png.icc = _inflate(payload.partition(b"\0")[2][1:])
        if png.icc is None:
            png.notes.append("broken colour profile dropped, read as sRGB")
    elif kind == b"pHYs" and len(payload) == 9 and payload[8] == 1:
        x, y = struct.unpack_from(">II", payload)
        png.dpi = (x * 0.0254, y * 0.0254) if x and y else None
    elif kind == b"iTXt" and payload.startswith(_XMP_KEY + b"\0"):
        png.xmp = _text_of(payload)
    elif kind in _TEXTS:
        png.texts.append((kind, payload))
    elif kind in _COLOURS:
        png.colours.append((kind, payload))


def _inflate(data: bytes) -> bytes | None:
    """Unpacked, or None if broken or beyond measure."""
    try:
        worker = zlib.decompressobj()
        out = worker.decompress(data, _MOST_TEXT)
    except zlib.error:
        return None
    return out if worker.eof else None


def _text_of(payload: bytes) -> bytes | None:
    rest = payload.partition(b"\0")[2]
    packed, rest = rest[:1] == b"\1", rest[2:]
    text = rest.partition(b"\0")[2].partition(b"\0")[2]
    return (_inflate(text) if packed else text) or None


def join(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A PNG of *chunks*."""
    out = bytearray(SIGNATURE)
    for kind, payload in chunks:
        out += struct.pack(">I4s", len(payload), kind)
        out += payload
        out += struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind)))
    return bytes(out)


def open_pixels(png: PngFile, low_bytes: bool = False) -> PngImagePlugin.PngImageFile:
    """A Pillow image of the pixels alone.

    With *low_bytes*, of 16-bit RGB the lower byte of each sample in place of the upper one: two
    readings make the 16 bits that no mode of Pillow holds. 16-bit grey with alpha comes as RGBA
    of its four bytes, since a PNG of either kind has the same bytes.
    """
    chunks = png.pixel_chunks
    if (png.bits, png.kind) == (16, 4):
        (_, head), *rest = chunks
        chunks = [(b"IHDR", head[:8] + bytes([8, 6]) + head[10:]), *rest]
    image = PngImagePlugin.PngImageFile(io.BytesIO(join(chunks)))
    if low_bytes:
        tile = image.tile[0]
        image.tile = [tile._replace(args=str(tile.args).replace(";16B", ";16L"))]
    return image


def encode_16(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> list[tuple[bytes, bytes]]:
    """The pixel chunks of a 16-bit PNG, each row filtered by "sub" or "up", whichever is smaller.

    Parameters
    ----------
    pixels: (H, W, 1) or (H, W, 3) uint16; alpha (H, W) uint16 or None.
    """
    height, width, channels = pixels.shape
    step = 2 * (channels + (alpha is not None))
    kind = {(1, False): 0, (3, False): 2, (1, True): 4, (3, True): 6}[channels, alpha is not None]
    worker = zlib.compressobj(4, strategy=zlib.Z_FILTERED)
    packed = bytearray()
    above = np.zeros((1, width * step), np.uint8)
    for rows in bands(height, width):
        block = pixels[rows]
        if alpha is not None:
            block = np.concatenate([block, alpha[rows, :, None]], axis=2)
        raw = np.ascontiguousarray(block, ">u2").view(np.uint8).reshape(len(block), -1)
        up = raw - np.concatenate([above, raw[:-1]])
        sub = raw.copy()
        sub[:, step:] -= raw[:, :-step]
        # Small differences of either sign pack best (the heuristic of the PNG specification).
        cost = [np.abs(part.view(np.int8), dtype=np.int16).sum(axis=1) for part in (sub, up)]
        out = np.empty((len(raw), raw.shape[1] + 1), np.uint8)
        better = (cost[1] < cost[0])[:, None]
        out[:, :1] = np.where(better, 2, 1)
        out[:, 1:] = np.where(better, up, sub)
        packed += worker.compress(out.data)
        above = raw[-1:]
    packed += worker.flush()
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return [(b"IHDR", head), (b"IDAT", bytes(packed)), (b"IEND", b"")]


def side_chunks(
    exif: bytes | None,
    xmp: bytes | None,
    icc: bytes | None,
    dpi: tuple[float, float] | None,
    others: Iterable[tuple[bytes, bytes]],
) -> list[tuple[bytes, bytes]]:
    """The chunks to put between the header and the pixels."""
    chunks = []
    if icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    chunks += others
    if dpi:
        metre = [min(max(round(value / 0.0254), 1), 2**31 - 1) for value in dpi]
        chunks.append((b"pHYs", struct.pack(">IIB", *metre, 1)))
    if exif:
        chunks.append((b"eXIf", exif))
    if xmp:
        chunks.append((b"iTXt", _XMP_KEY + b"\0\0\0\0\0" + xmp))
    return chunks
