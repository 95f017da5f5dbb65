"""Out of focus, shaken, or through a soft lens: convolution with a kernel that sums to 1."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from undegrade.degradation.base import Degradation, Image, Parameters
from undegrade.degradation.fields import AS_FILE, Choice, Number

WORST_SIGMA = 4.0
"""Standard deviation of the kernel at level 1, in pixels."""

SUBPIXELS = 8
"""Samples a pixel is cut into along each axis where a disk or a line is drawn."""

NEGLIGIBLE_SIGMA = 0.1
"""A Gaussian this narrow leaves its neighbours less than 2e-22: it is the identity."""


class Blur(Degradation):
    """Blurred by a Gaussian, a disk (defocus) or a line (motion), on the encoded values.

    ``y = h * x`` with mirrored edges. *sigma* is the standard deviation of ``h`` along its longest
    direction in pixels, whatever the shape: a disk has the radius ``2 sigma``, a line the length
    ``sqrt(12) sigma``. A Gaussian may be narrower across by *ratio*; *angle* turns a Gaussian or a
    line, in degrees counter-clockwise from the horizontal. The kernel never has negative weights,
    so [0, 1] is kept. Level: ``sigma / 4``.
    """

    name = "blur"
    fields = (
        Number("sigma", 0.0, 50.0, "standard deviation of the kernel in pixels"),
        Choice("shape", ("gaussian", "disk", "motion"), "form of the kernel", "gaussian"),
        Number("ratio", 0.05, 1.0, "width of a Gaussian across, relative to along", 1.0),
        Number("angle", -360.0, 360.0, "direction in degrees", 0.0),
        AS_FILE,
    )

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Sigma uniform in 0..4; Gaussian in six of ten, half of them round."""
        shape = str(rng.choice(("gaussian", "disk", "motion"), p=(0.6, 0.2, 0.2)))
        ratio = max(1.0, rng.uniform(0.3, 1.7)) - 1.0
        return {
            "sigma": round(rng.uniform(0.0, WORST_SIGMA), 3),
            "shape": shape,
            "ratio": round(1.0 - ratio, 3) if shape == "gaussian" else 1.0,
            "angle": round(rng.uniform(0.0, 180.0), 1),
            "as_file": False,
        }

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        sigma, is_gaussian = parameters["sigma"], parameters["shape"] == "gaussian"
        if sigma == 0 or (is_gaussian and sigma <= NEGLIGIBLE_SIGMA):
            return image
        if is_gaussian and parameters["ratio"] == 1:
            return gaussian(image, sigma)
        return convolve(image, kernel(parameters))

    def _level(self, parameters: Parameters) -> float:
        return float(parameters["sigma"]) / WORST_SIGMA


def gaussian(image: Image, sigma: float) -> Image:
    """Convolve with a round Gaussian of *sigma* pixels, cut at 4 sigma; edges mirrored."""
    if sigma <= NEGLIGIBLE_SIGMA:
        return image
    reach = math.ceil(4.0 * sigma)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (0, 1):
        length = image.shape[axis]
        edges = [(0, 0)] * 3
        edges[axis] = (reach, reach)
        padded = np.pad(image, edges, mode="symmetric")
        blurred = np.zeros_like(image)
        for start, tap in enumerate(taps):
            blurred += tap * (
                padded[start : start + length] if axis == 0 else padded[:, start : start + length]
            )
        image = blurred
    return image


def kernel(parameters: Parameters) -> NDArray[np.float64]:
    """The kernel of complete *parameters* with sigma > 0: odd sides, sum 1, float64."""
    sigma = float(parameters["sigma"])
    angle = math.radians(parameters["angle"])
    if parameters["shape"] == "gaussian":
        weights = _gaussian_kernel(sigma, parameters["ratio"], angle)
    elif parameters["shape"] == "disk":
        weights = _disk_kernel(2.0 * sigma)
    else:
        weights = _line_kernel(math.sqrt(12.0) * sigma, angle)
    return np.asarray(weights / weights.sum())


def _gaussian_kernel(sigma: float, ratio: float, angle: float) -> NDArray[np.float64]:
    """A Gaussian of *sigma* along *angle* (radians) and ``ratio * sigma`` across, at the pixels."""
    reach = math.ceil(4.0 * sigma)
    x = np.arange(-reach, reach + 1.0)[None, :]
    y = -x.T
    along = (x * math.cos(angle) + y * math.sin(angle)) / sigma
    across = (y * math.cos(angle) - x * math.sin(angle)) / (ratio * sigma)
    return np.exp(-0.5 * (along**2 + across**2))


def _disk_kernel(radius: float) -> NDArray[np.float64]:
    """A disk of *radius* pixels: the share of each pixel that it covers."""
    reach = math.ceil(radius)
    side = 2 * reach + 1
    line = (np.arange(side * SUBPIXELS) + 0.5) / SUBPIXELS - side / 2.0
    inside = line[:, None] ** 2 + line[None, :] ** 2 <= max(radius, 1.0 / SUBPIXELS) ** 2
    return np.asarray(inside.reshape(side, SUBPIXELS, side, SUBPIXELS).mean(axis=(1, 3)))


def _line_kernel(length: float, angle: float) -> NDArray[np.float64]:
    """A line of *length* pixels at *angle* (radians), its points spread bilinearly on pixels."""
    half = length / 2.0
    reach = math.ceil(half) + 1
    steps = max(1, math.ceil(length * SUBPIXELS))
    along = ((np.arange(steps) + 0.5) / steps - 0.5) * length
    x, y = reach + along * math.cos(angle), reach - along * math.sin(angle)
    weights = np.zeros((2 * reach + 1, 2 * reach + 1))
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    for down, share_down in ((0, 1.0 - (y - top)), (1, y - top)):
        for right, share_right in ((0, 1.0 - (x - left)), (1, x - left)):
            np.add.at(weights, (top + down, left + right), share_down * share_right)
    return weights


def convolve(image: Image, weights: NDArray[np.float64]) -> Image:
    """Convolve (H, W, C) with an odd-sided kernel by Fourier transform; edges mirrored."""
    reach = weights.shape[0] // 2
    height, width, channels = image.shape
    result = np.empty_like(image)
    shape = (height + 2 * reach, width + 2 * reach)
    # The kernel's centre goes to the origin, so that nothing shifts.
    origin = np.zeros(shape)
    origin[: weights.shape[0], : weights.shape[1]] = weights
    spectrum = np.fft.rfft2(np.roll(origin, (-reach, -reach), axis=(0, 1)))
    for channel in range(channels):
        padded = np.pad(image[:, :, channel], reach, mode="symmetric")
        blurred = np.fft.irfft2(np.fft.rfft2(padded) * spectrum, s=shape)
        result[:, :, channel] = blurred[reach : reach + height, reach : reach + width]
    return result
