"""PNG by chunks: everything beside the pixels, and pixels of 16 bit, which Pillow cannot hold.

A file is walked once, all checksums included. Pillow then gets a file of nothing but the pixel
chunks, so that an odd text or a broken profile can never keep it from decoding.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.picture.alpha import bands
from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Broken, Opened, Unfit
from undegrade.picture.model import Encoding, Metadata, Picture

Chunk: TypeAlias = tuple[bytes, bytes]
"""Type and payload."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEY = b"XML:com.adobe.xmp"
_COLOURS = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PASSING = (b"acTL", b"fcTL", b"fdAT", b"iDOT")
"""Of animations, which are told otherwise, and a hint to decoders."""
_MOST_TEXT = 64 << 20
"""Bytes that a compressed profile or packet may have when unpacked."""
_MOST_PACKED = 1032
"""Bytes that one byte of Deflate can become."""

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass
class _File:
    """A PNG taken apart."""

    width: int
    height: int
    bits: int
    kind: int
    """Colour type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha."""
    pixel_chunks: list[Chunk] = field(default_factory=list)
    """What a decoder needs."""
    frames: int = 1
    kept: dict[str, Any] = field(default_factory=dict)
    """Fields of the metadata."""
    others: list[Chunk] = field(default_factory=list)
    colours: list[Chunk] = field(default_factory=list)
    key: tuple[int, ...] | None = None
    """The one transparent colour of a grey or RGB picture, in its own depth."""
    notes: list[str] = field(default_factory=list)


def read(data: bytes, frame: int) -> Opened:
    """All chunks of a PNG; of an animated one, the frame *frame*, in 8 bits.

    Raises :class:`Broken` where it is cut off, no PNG, or a checksum is wrong that matters.
    """
    file = _parse(data)

    def pixels(turn: int) -> NDArray[Any]:
        packed = sum(len(body) for kind, body in file.pixel_chunks if kind == b"IDAT")
        bits = file.width * file.bits * _CHANNELS[file.kind]
        if bits * file.height // 8 > packed * _MOST_PACKED:
            raise Broken("its pixels are cut off")
        if file.bits == 16 and file.kind != 0:
            array = _deep(file, turn)
        else:  # 8 bits and fewer, and 16-bit grey, which Pillow can hold
            image = pillow.plugin("Png", _joined(file.pixel_chunks))
            array = pillow.unpacking(image, "PNG")(turn)
        return array if file.key is None else _keyed(array, file)

    def shown(turn: int) -> NDArray[Any]:
        image = pillow.plugin("Png", data)
        image.seek(frame)
        return pillow.unpacking(image, "PNG")(turn)

    if frame and file.bits == 16:
        file.notes.append("16 bits a sample of the animation read as 8")
    return Opened(
        (file.width, file.height),
        shown if frame else pixels,
        Metadata(**file.kept, chunks=tuple(file.others)),
        Encoding("PNG", lossless=True, chunks=tuple(file.colours)),
        file.frames,
        notes=file.notes,
    )


def _parse(data: bytes) -> _File:
    png: _File | None = None
    for kind, payload, intact in _walk(data):
        if not intact and (kind in _CRITICAL or png is None):
            raise Broken(f"the checksum of its {kind.decode('latin-1')} chunk is wrong")
        if kind == b"CgBI":
            raise Unfit("it is a PNG in Apple's own variant for apps")
        if png is None:
            if kind != b"IHDR" or len(payload) != 13:
                raise Broken("it has no header")
            width, height, bits, colour = struct.unpack_from(">IIBB", payload)
            if colour not in _CHANNELS:
                raise Broken(f"its colour type {colour} is unknown")
            png = _File(width, height, bits, colour)
        if intact:
            _sort_in(png, kind, payload)
        else:
            png.notes.append(f"broken {kind.decode('latin-1')} chunk dropped")
    if png is None or png.pixel_chunks[-1][0] != b"IEND":
        raise Broken("it is cut off (no end)")
    return png


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    at = len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise Broken("it is cut off")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise Broken("it is cut off")
        payload = data[at + 8 : end]
        (expected,) = struct.unpack_from(">I", data, end)
        yield kind, payload, zlib.crc32(payload, zlib.crc32(kind)) == expected
        at = end + 4
        if kind == b"IEND":
            return


def _sort_in(png: _File, kind: bytes, payload: bytes) -> None:
    if kind in _CRITICAL or (kind == b"tRNS" and png.kind == 3):
        png.pixel_chunks.append((kind, payload))
    elif kind == b"tRNS" and png.kind in (0, 2) and len(payload) == 2 * _CHANNELS[png.kind]:
        png.key = struct.unpack(f">{_CHANNELS[png.kind]}H", payload)
    elif kind == b"acTL" and len(payload) >= 4:
        png.frames = int(struct.unpack_from(">I", payload)[0])
    elif kind == b"eXIf":
        png.kept["exif"] = payload
    elif kind == b"iCCP":
        png.kept["icc"] = _inflate(payload.partition(b"\0")[2][1:])
        if png.kept["icc"] is None:
            png.notes.append("broken colour profile dropped, read as sRGB")
    elif kind == b"pHYs" and len(payload) == 9 and payload[8] == 1:
        x, y = struct.unpack_from(">II", payload)
        png.kept["dpi"] = (x * 0.0254, y * 0.0254) if x and y else None
    elif kind == b"iTXt" and payload.startswith(_XMP_KEY + b"\0"):
        png.kept["xmp"] = _text_of(payload)
    elif kind in _COLOURS:
        png.colours.append((kind, payload))
    elif kind == b"bKGD":
        png.others += _background(png, payload)
    elif kind == b"sBIT":
        if len(set(payload)) > 1 or payload[:1] != bytes([png.bits]):
            png.notes.append("number of significant bits (sBIT) not kept, all bits count now")
    elif kind == b"caBX":
        png.notes.append("content credentials (C2PA) not kept, they hold for the original alone")
    elif kind == b"tIME" or kind[3:].islower():  # which says that it is safe to copy
        png.others.append((kind, payload))
    elif kind not in (*_PASSING, b"pHYs", b"tRNS"):
        png.notes.append(f"{kind.decode('latin-1')} chunk not kept")


def _background(png: _File, payload: bytes) -> list[Chunk]:
    """A background colour for the depth and the channels that the picture has from now on."""
    if png.kind == 3:
        palette = next((body for kind, body in png.pixel_chunks if kind == b"PLTE"), b"")
        colour = palette[3 * payload[0] : 3 * payload[0] + 3] if payload else b""
        levels: tuple[int, ...] = tuple(colour)
    else:
        channels = 1 if png.kind in (0, 4) else 3
        if len(payload) != 2 * channels:
            return []
        scale = 255 // (2**png.bits - 1) if png.bits < 8 else 1
        levels = tuple(value * scale for value in struct.unpack(f">{channels}H", payload))
    return [(b"bKGD", struct.pack(f">{len(levels)}H", *levels))] if levels else []


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


def _joined(chunks: Iterable[Chunk]) -> bytes:
    """A PNG of *chunks*."""
    out = bytearray(SIGNATURE)
    for kind, payload in chunks:
        out += struct.pack(">I4s", len(payload), kind)
        out += payload
        out += struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind)))
    return bytes(out)


def _deep(png: _File, turn: int) -> NDArray[Any]:
    """16 bits a sample with colour or alpha, for which Pillow has no mode.

    Grey with alpha comes as RGBA of its four bytes, since a PNG of either kind has the same
    bytes; RGB and RGBA are decoded twice, once for the upper bytes, once for the lower.
    """
    if png.kind == 4:
        (_, head), *rest = png.pixel_chunks
        fake = (b"IHDR", head[:8] + bytes([8, 6]) + head[10:])
        image = pillow.plugin("Png", _joined([fake, *rest]))
        image.load()
        return pillow.unpacked(image, turn, lambda part: np.ascontiguousarray(part).view(">u2"))
    file = _joined(png.pixel_chunks)

    def half(lower: bool) -> Any:
        image = pillow.plugin("Png", file)
        tile = image.tile[0]
        if lower:
            image.tile = [tile._replace(args=str(tile.args).replace(";16B", ";16L"))]
        return image

    return pillow.from_halves(half, turn)


def _keyed(array: NDArray[Any], png: _File) -> NDArray[Any]:
    """*array* with the alpha that one transparent colour means."""
    top = np.iinfo(array.dtype).max
    scale = top // (2**png.bits - 1) if array.shape[2] == 1 else 1
    key = np.array(png.key, np.int64) * scale
    alpha = np.where((array == key).all(axis=2), 0, top).astype(array.dtype)
    return np.concatenate([array, alpha[:, :, None]], axis=2)


def write(picture: Picture, quality: int | None) -> bytes:
    """The bytes of a PNG of 8 or 16 bits a sample."""
    if picture.depth == 16:
        first, *rest = _encode_16(picture.pixels, picture.alpha)
    else:
        image = pillow.image_8(picture, opaque=False)
        first, *rest = _parse(pillow.bytes_of(image, "PNG", compress_level=4)).pixel_chunks
    return _joined([first, *_side_chunks(picture), *rest])


def _encode_16(pixels: NDArray[Any], alpha: NDArray[Any] | None) -> list[Chunk]:
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


def _side_chunks(picture: Picture) -> list[Chunk]:
    """The chunks to put between the header and the pixels."""
    kept, chunks = picture.metadata, []
    if kept.icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(kept.icc)))
    # A profile overrules them, and sRGB beside iCCP is not allowed.
    chunks += [one for one in picture.encoding.chunks if not (kept.icc and one[0] == b"sRGB")]
    chunks += [one for one in kept.chunks if one[0] != b"bKGD" or _fits(one[1], picture)]
    if kept.dpi:
        metre = [min(max(round(value / 0.0254), 1), 2**31 - 1) for value in kept.dpi]
        chunks.append((b"pHYs", struct.pack(">IIB", *metre, 1)))
    if kept.exif:
        chunks.append((b"eXIf", kept.exif))
    if kept.xmp:
        chunks.append((b"iTXt", _XMP_KEY + b"\0\0\0\0\0" + kept.xmp))
    return chunks


def _fits(background: bytes, picture: Picture) -> bool:
    """Whether a background colour is one of the picture's depth and channels."""
    levels = struct.unpack(f">{len(background) // 2}H", background)
    return len(levels) == picture.channels and max(levels) < 2**picture.depth
