"""How far one picture is shifted against another, whatever their exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]
"""(H, W) luma, 0..255."""

LARGEST = 1024
"""Side in pixels of the central part that is compared, at most."""

BAND = 0.12
"""Spread in cycles per pixel of the frequencies that count: above lie noise and coding."""

DARKEST = 2.0
"""Added to luma before its logarithm, which makes exposure an offset: half the noise of black."""


@dataclass(frozen=True)
class Shift:
    """Where the content of one picture lies as seen from another."""

    dx: float
    """Pixels to the right."""
    dy: float
    """Pixels down."""
    certainty: float
    """Height of the correlation's peak in standard deviations of the whole; chance gives 5."""

    @property
    def distance(self) -> float:
        """Length in pixels."""
        return float(np.hypot(self.dx, self.dy))


def luma(pixels: NDArray[Any]) -> Plane:
    """Luma (ITU-R BT.601) of (H, W, 3) pixels, in their units."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    plane: Plane = pixels.astype(np.float32) @ weights
    return plane


def global_shift(moving: Plane, fixed: Plane) -> Shift:
    """Shift of *moving* against *fixed*, two planes of one shape.

    The peak of the inverse transform of F(a) conj(F(b)) / |F(a) F(b)|, weighted by a Gaussian of
    frequency, with a parabola through its neighbours; a and b are logarithms of luma under a Hann
    window. Source: Kuglin and Hines, "The phase correlation image alignment method", 1975.
    """
    height, width = (min(side, LARGEST) for side in fixed.shape)
    top, left = (fixed.shape[0] - height) // 2, (fixed.shape[1] - width) // 2
    part = (slice(top, top + height), slice(left, left + width))
    product = _spectrum(moving[part]) * np.conj(_spectrum(fixed[part]))
    product /= np.abs(product) + 1e-12
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    product *= np.exp(-(down**2 + across**2) / (2 * BAND**2))
    surface = np.fft.irfft2(product, s=(height, width))
    y, x = np.unravel_index(np.argmax(surface), surface.shape)
    peak = float(surface[y, x])
    dy = y + _vertex(surface[y - 1, x], peak, surface[(y + 1) % height, x])
    dx = x + _vertex(surface[y, x - 1], peak, surface[y, (x + 1) % width])
    spread = float(surface.std())
    return Shift(
        dx=float(dx - width if dx > width / 2 else dx),
        dy=float(dy - height if dy > height / 2 else dy),
        certainty=peak / spread if spread else 0.0,
    )


def likeness(a: Plane, b: Plane) -> float:
    """Correlation, -1..1, of two planes of one shape once their means are taken off.

    0 where one of them is flat.
    """
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale else 0.0


def _spectrum(plane: Plane) -> NDArray[np.complex128]:
    values = np.log(plane.astype(np.float64) + DARKEST)
    values -= values.mean()
    values *= np.hanning(plane.shape[0])[:, None] * np.hanning(plane.shape[1])[None]
    return np.asarray(np.fft.rfft2(values), np.complex128)


def _vertex(before: float, peak: float, after: float) -> float:
    """Where the parabola through three neighbouring values is highest, from the middle one."""
    bend = before - 2 * peak + after
    return 0.5 * (before - after) / bend if bend else 0.0
