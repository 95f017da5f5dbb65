"""Pictures, profiles and files made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

P3 = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
PROPHOTO = np.array([[0.79767, 0.13519, 0.03134], [0.28804, 0.71188, 0.00009], [0.0, 0.0, 0.82489]])
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))


def para(kind: int, *values: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*values)


def table(values: np.ndarray) -> bytes:
    data = np.rint(values * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + data


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def icc(colorants: np.ndarray, curve: bytes, space: bytes = b"RGB ", name: str = "test") -> bytes:
    """A minimal version 4 profile of a matrix (or of one grey curve)."""
    raw = name.encode("utf-16-be")
    text = b"mluc" + struct.pack(">III4sII", 0, 1, 12, b"enUS", len(raw), 28) + raw
    tags = [
        (b"desc", text),
        (b"cprt", text),
        (b"wtpt", b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)),
    ]
    if space == b"GRAY":
        tags.append((b"kTRC", curve))
    else:
        for i, c in enumerate(b"rgb"):
            tags.append((bytes([c]) + b"XYZ", b"XYZ \0\0\0\0" + fixed(*colorants[:, i])))
            tags.append((bytes([c]) + b"TRC", curve))
    start, head, body = 132 + 12 * len(tags), b"", b""
    for tag, value in tags:
        head += tag + struct.pack(">II", start + len(body), len(value))
        body += value + b"\0" * (-len(value) % 4)
    front = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x04300000, b"mntr", space, b"XYZ ")
    front += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp").ljust(44, b"\0")
    front += fixed(0.9642, 1, 0.8249)
    return front.ljust(128, b"\0") + struct.pack(">I", len(tags)) + head + body


def smooth(height: int = 40, width: int = 56, channels: int = 3, dtype: Any = np.uint8) -> Any:
    """A picture without symmetry that JPEG likes."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x / width, y / height, (x + 2 * y) / (width + 2 * height)][:channels]
    top = np.iinfo(dtype).max
    return np.rint(np.stack(planes, axis=2) * top).astype(dtype)


def noise(height: int, width: int, channels: int, dtype: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype)


def pil(array: np.ndarray) -> Image.Image:
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif_of(**more: Any) -> Image.Exif:
    """EXIF with a maker, an orientation if given, sizes and a maker note."""
    exif = Image.Exif()
    exif[0x010F] = "Kamera"
    if "orientation" in more:
        exif[0x0112] = more["orientation"]
    exif.get_ifd(0x8769).update(
        {0xA002: 9999, 0xA003: 8888, 0x9003: "2024:05:06 07:08:09", 0x927C: b"MAKER NOTE" * 3}
    )
    if more.get("gps"):
        exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.5)})
    return exif


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    crc = zlib.crc32(payload, zlib.crc32(kind))
    return struct.pack(">I4s", len(payload), kind) + payload + struct.pack(">I", crc)
