"""What a decoded photo is: pixels, transparency, colour, and everything that must be kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import UsageError
from undegrade.picture.alpha import resize_alpha, to_depth
from undegrade.picture.colour import SRGB, ColourSpace

Pixels: TypeAlias = NDArray[Any]
"""(H, W, C) or (H, W), uint8 or uint16."""


@dataclass(frozen=True)
class Metadata:
    """What travels beside the pixels, as raw bytes wherever a file can hold raw bytes."""

    exif: bytes | None = None
    """A TIFF structure (``II*`` or ``MM``, no ``Exif`` prefix), orientation already 1."""
    xmp: bytes | None = None
    """An XMP packet, ``tiff:Orientation`` already 1."""
    iptc: bytes | None = None
    """An IPTC-IIM block (Photoshop resource 0x0404, TIFF tag 33723)."""
    icc: bytes | None = None
    """The profile that says what the pixel values mean; None is sRGB (or plain grey)."""
    dpi: tuple[float, float] | None = None
    """Horizontal and vertical resolution in pixels per inch."""
    comment: bytes | None = None
    """A JPEG comment."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Text and other side chunks of a PNG: (type, payload)."""
    photoshop: bytes | None = None
    """Photoshop's image resources less IPTC: copyright flag, address, guides ..."""
    segments: tuple[tuple[int, bytes], ...] = ()
    """Other application segments of a JPEG, extended XMP among them: (marker, payload)."""
    gain_map: bytes | None = None
    """A JPEG that leads from the photo to high dynamic range, upright."""
    trailer: bytes | None = None
    """What follows a JPEG: the video of a Motion Photo, a maker's own fields."""


@dataclass(frozen=True)
class Encoding:
    """How the file was written, so that the same kind of file can be written again."""

    format: str = "PNG"
    """A key of :data:`undegrade.picture.formats.FORMATS`."""
    jpeg_tables: tuple[tuple[int, ...], ...] | None = None
    """Quantisation tables in the order of the components, 64 values each, row by row."""
    jpeg_quality: float | None = None
    """Quality 1..100 whose luma table of the Independent JPEG Group is nearest."""
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] | None = None
    """Chroma subsampling of a JPEG in colour."""
    progressive: bool = False
    lossless: bool = False
    """True where the format, or this WebP, loses nothing."""
    compression: str | None = None
    """Pillow's name of a TIFF's compression, such as "raw", "tiff_lzw", "tiff_adobe_deflate"."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Colour chunks of a PNG (gAMA, cHRM, sRGB, cICP): (type, payload)."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo in memory; raises :class:`UsageError` if the arrays do not fit each other."""

    pixels: Pixels
    """(H, W, C) uint8 or uint16, C 1 or 3, upright, in the file's own encoding (``colour``)."""
    alpha: Pixels | None = None
    """(H, W), dtype of the pixels, 0 is transparent; not premultiplied."""
    colour: ColourSpace = SRGB
    metadata: Metadata = field(default_factory=Metadata)
    encoding: Encoding = field(default_factory=Encoding)
    name: str = "<array>"
    """For messages."""
    notes: tuple[str, ...] = ()
    """What could not be kept while reading, one sentence each."""

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if dtype not in (np.uint8, np.uint16):
            raise UsageError(f"pixels are {dtype}", "give uint8 or uint16")
        if len(shape) != 3 or shape[2] not in (1, 3) or not all(shape):
            raise UsageError(f"pixels have the shape {shape}", "give (H, W, 1) or (H, W, 3)")
        if self.alpha is not None and (self.alpha.shape, self.alpha.dtype) != (shape[:2], dtype):
            raise UsageError(
                f"alpha is {self.alpha.dtype} {self.alpha.shape}, pixels are {dtype} {shape}",
                "give an alpha of the height, width and depth of the pixels",
            )

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour; transparency is not counted."""
        return int(self.pixels.shape[2])

    @property
    def depth(self) -> int:
        """Bits a sample: 8 or 16."""
        return int(self.pixels.dtype.itemsize) * 8

    @property
    def nbytes(self) -> int:
        """Bytes of the samples, alpha's too."""
        return self.pixels.nbytes + (0 if self.alpha is None else self.alpha.nbytes)

    @property
    def megapixels(self) -> float:
        """Width times height in millions."""
        return self.width * self.height / 1e6

    def with_pixels(self, pixels: Pixels) -> Picture:
        """The same photo with other *pixels*; everything else stays, the dpi too.

        They are (H', W', C) or (H', W'), uint8 or uint16, of any size; alpha is resampled to their
        size and depth.
        """
        if pixels.ndim == 2:
            pixels = pixels[:, :, None]
        alpha = self.alpha
        if alpha is not None:
            alpha = to_depth(resize_alpha(alpha, *pixels.shape[:2]), pixels.dtype)
        return replace(self, pixels=pixels, alpha=alpha)
