"""What pixel values mean, and the way to sRGB and back that loses nothing.

Working in the colours of sRGB does not mean being confined to its gamut. Values go to *extended*
sRGB, float32, where a green that sRGB cannot show is simply below 0 or above 1 (the transfer
curve is continued, and mirrored below 0, as scRGB does). The way back is the exact inverse, so a
Display P3 photo keeps its colours, which a conversion of 8 bit to 8 bit through sRGB would clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from undegrade.imaging.arrays import Floats, to_whole
from undegrade.imaging.srgb import to_linear, to_srgb
from undegrade.picture.alpha import bands

SRGB_D50 = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
"""Linear sRGB to XYZ under D50, as the profile of IEC 61966-2-1 states it."""

Of = TypeVar("Of")


def _odd(curve: Callable[[Of, Floats], NDArray[Any]]) -> Callable[[Of, Floats], Floats]:
    """A method for values from 0 on, continued to every number: mirrored below 0."""

    @wraps(curve)
    def mirrored(self: Of, values: Floats) -> Floats:
        signed: NDArray[Any] = np.copysign(curve(self, np.abs(values)), values)
        return signed.astype(np.float32, copy=False)

    return mirrored


@dataclass(frozen=True)
class Parametric:
    """``(a x + b)^g + e`` from ``d`` on, ``c x + f`` below (ICC.1, parametricCurveType).

    Encoding takes a flat foot of the curve to its upper end.
    """

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    @_odd
    def decode(self, size: Floats) -> NDArray[Any]:
        """Encoded to linear."""
        base = np.maximum(size * np.float32(self.a) + np.float32(self.b), 0)
        out: NDArray[Any] = base ** np.float32(self.g) + np.float32(self.e)
        if self.d > 0:
            low = size * np.float32(self.c) + np.float32(self.f)
            out = np.where(size >= self.d, out, low)
        return out

    @_odd
    def encode(self, size: Floats) -> NDArray[Any]:
        """Linear to encoded."""
        knee = max(self.a * self.d + self.b, 0.0) ** self.g + self.e
        base = np.maximum(size - np.float32(self.e), 0) ** np.float32(1 / self.g)
        out: NDArray[Any] = (base - np.float32(self.b)) / np.float32(self.a)
        if self.d > 0:
            if self.c > 0:
                low = (size - np.float32(self.f)) / np.float32(self.c)
            else:
                low = np.full_like(size, self.d)
            out = np.where(size >= knee, out, np.minimum(low, self.d))
        return out


@dataclass(frozen=True, eq=False)
class Table:
    """A curve of samples, linear between them and beyond the last with the last slope."""

    xs: NDArray[np.float64]
    ys: NDArray[np.float64]

    @classmethod
    def of(cls, samples: NDArray[np.float64]) -> Table:
        """From samples 0..1 at even distances over 0..1.

        Raises ``ValueError`` where they fall, or all are the same.
        """
        if (np.diff(samples) < 0).any() or samples[-1] <= samples[0]:
            raise ValueError("a tone curve that falls")
        xs = np.linspace(0, 1, len(samples))
        slope = max((samples[-1] - samples[-2]) * (len(samples) - 1), 0.1)
        return cls(np.append(xs, 9.0), np.append(samples, samples[-1] + 8 * slope))

    @_odd
    def decode(self, size: Floats) -> NDArray[Any]:
        """Encoded to linear."""
        return np.interp(size, self.xs, self.ys)

    @_odd
    def encode(self, size: Floats) -> NDArray[Any]:
        """Linear to encoded."""
        return np.interp(size, self.ys, self.xs)


Curve: TypeAlias = Parametric | Table
"""A tone curve."""


@dataclass(frozen=True, eq=False)
class ColourSpace:
    """The meaning of pixel values: three curves to linear light, then a matrix to linear sRGB."""

    name: str
    """As the profile calls itself."""
    is_srgb: bool
    """Both ways are the identity: sRGB itself, and grey, which has no gamut to convert."""
    curves: tuple[Curve, Curve, Curve] | None = field(default=None, repr=False)
    matrix: NDArray[np.float64] | None = field(default=None, repr=False)
    """(3, 3), linear light of this space to linear light of sRGB."""

    def to_srgb(self, values: Floats) -> Floats:
        """*values* (..., 3) in [0, 1] of this space in extended sRGB, float32, any real number."""
        if self.is_srgb or self.curves is None or self.matrix is None:
            return values
        linear = _each(values, [curve.decode for curve in self.curves])
        return to_srgb(linear @ self.matrix.T.astype(np.float32))

    def from_srgb(self, values: Floats) -> Floats:
        """The inverse of :meth:`to_srgb`; not clipped."""
        if self.is_srgb or self.curves is None or self.matrix is None:
            return values
        linear = to_linear(values) @ np.linalg.inv(self.matrix).T.astype(np.float32)
        return _each(linear, [curve.encode for curve in self.curves])


SRGB = ColourSpace("sRGB", True)
GREY = ColourSpace("grey", True)


def matrix_space(
    name: str, colorants: NDArray[np.float64], curves: tuple[Curve, Curve, Curve]
) -> ColourSpace:
    """A space of primaries and tone curves; :data:`SRGB` if the numbers say that it is that.

    Parameters
    ----------
    colorants: (3, 3), columns are the XYZ of red, green and blue under D50.

    Raises
    ------
    ValueError: the primaries span no space.
    """
    if abs(np.linalg.det(colorants)) < 1e-4:
        raise ValueError("primaries that span no space")
    matrix = np.linalg.solve(SRGB_D50, colorants)
    ramp = np.linspace(0, 1, 256, dtype=np.float32)
    off = max(float(np.abs(to_srgb(curve.decode(ramp)) - ramp).max()) for curve in curves)
    # Half a level of 8 bit, and the rounding of colorants that real sRGB profiles show.
    if off < 0.6 / 255 and np.abs(matrix - np.eye(3)).max() < 0.003:
        return SRGB
    return ColourSpace(name, False, curves, matrix)


def in_srgb(pixels: NDArray[Any], space: ColourSpace) -> NDArray[Any]:
    """Pixels (H, W, 1 or 3) of *space* clipped to sRGB, for those who cannot say anything else.

    The array itself if they are sRGB or grey.
    """
    if space.is_srgb:
        return pixels
    out = np.empty_like(pixels)
    top = np.float32(np.iinfo(out.dtype).max)
    for rows in bands(pixels.shape[0], pixels.shape[1], 1 << 18):
        out[rows] = to_whole(space.to_srgb(pixels[rows].astype(np.float32) / top) * top, out.dtype)
    return out


def _each(values: Floats, functions: list[Callable[[Floats], Floats]]) -> Floats:
    """One function a channel."""
    out = np.empty(values.shape, np.float32)
    for channel, function in enumerate(functions):
        out[..., channel] = function(values[..., channel])
    return out
