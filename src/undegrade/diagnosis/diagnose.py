"""The one verb: a photo in, what it has lost out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from undegrade.degradation.jpeg_tables import jpeg_level
from undegrade.diagnosis import crops, grid, light, white, wording
from undegrade.diagnosis.classical import estimate
from undegrade.diagnosis.combine import combine
from undegrade.diagnosis.judge import judge_light, told_jpeg
from undegrade.diagnosis.network import CropReader
from undegrade.diagnosis.result import Diagnosis, Finding
from undegrade.diagnosis.thresholds import DEVIATIONS, RESAVED, THRESHOLDS
from undegrade.diagnosis.units import CROP, MAX_SIGMA, detail_scale, from_level
from undegrade.picture import Picture

Floats = NDArray[np.float64]

SMALLEST = 32
"""Shorter photos would be all mirror images to the network, and are left to classical eyes."""


def diagnose(picture: Picture, reader: CropReader) -> Diagnosis:
    """What *picture* has lost: noise, JPEG and detail by the network, light and colour by count.

    Up to 16 crops of native pixels are read on the grid of the JPEG that they came from, so that
    its cost does not grow with the photo. White noise that was not coded is measured besides, and
    the two figures are weighed against each other. What the file's own tables say of JPEG is taken
    where the pixels do not contradict it, for it is exact; a file that was saved again says nothing
    of what came before.
    """
    if min(picture.height, picture.width) < SMALLEST:
        return replace(estimate(picture), crops=1)
    corners = crops.lay(crops.choose(picture))
    looked = crops.cut(picture, corners)
    if any(phase := grid.phase(looked, corners)):
        looked = crops.cut(picture, crops.lay(corners, phase))
    mean, deviation = reader(looked)
    level, error = (values.tolist() for values in combine(mean, deviation))
    mirrored = min(picture.height, picture.width) < CROP
    jpeg = _jpeg(level[1], error[1], picture.encoding.jpeg_quality, proof=not mirrored)
    # Mirror images make the network unsure of strong noise, whose level it still reads.
    strong = mirrored and level[0] * MAX_SIGMA >= 2 * THRESHOLDS["noise"].limit
    doubt = min(error[0], level[0] / DEVIATIONS) if strong else error[0]
    noise = _noise(level[0], doubt)
    if noise.found and not jpeg.found:
        sigma, unsure = white.agreed(noise.value, noise.uncertainty, *white.measure(looked))
        noise = _noise(sigma / MAX_SIGMA, unsure / MAX_SIGMA)
    slope = _slope(looked.mean((1, 2, 3)), mean[:, 0], deviation[:, 0])
    return Diagnosis(
        noise=noise,
        noise_slope=Finding(*slope, False, wording.noise_slope(*slope)),
        jpeg=jpeg,
        blur=_blur(level[2], error[2]),
        scale=_scale(level[2], error[2]),
        **judge_light(light.measure(picture)),
        file_quality=picture.encoding.jpeg_quality,
        crops=len(corners),
    )


def _noise(level: float, error: float) -> Finding:
    sigma, uncertainty = _converted("noise", level, error)
    found = sigma >= THRESHOLDS["noise"].limit and level >= DEVIATIONS * error
    return Finding(sigma, uncertainty, found, wording.noise(sigma, uncertainty))


def _blur(level: float, error: float) -> Finding:
    scale = _scale(level, error)
    found = (
        scale.value >= THRESHOLDS["blur"].limit
        and scale.value - scale.uncertainty >= THRESHOLDS["surely_blur"].limit
    )
    sigma, uncertainty = _converted("blur", level, error)
    return Finding(sigma, uncertainty, found, wording.blur(sigma, uncertainty))


def _jpeg(level: float, error: float, told: float | None, proof: bool) -> Finding:
    """The file's quality where the pixels agree with it or are no *proof*, else that of the pixels.

    Crops of a photo that is smaller than they are hold mirrored edges, which look like blocks'.
    """
    known = 0.0 if told is None else jpeg_level(told)
    again = told is not None and proof and level - known > max(RESAVED, DEVIATIONS * error)
    if told is not None and not again:
        return told_jpeg(told)
    quality, uncertainty = _converted("jpeg", level, error)
    found = level >= THRESHOLDS["jpeg"].limit and level >= DEVIATIONS * error
    return Finding(quality, uncertainty, found, wording.jpeg(quality, uncertainty, told))


def _scale(level: float, error: float) -> Finding:
    value = detail_scale(level)
    uncertainty = (detail_scale(level + error) - detail_scale(level - error)) / 2
    return Finding(value, uncertainty, False, wording.scale(value, uncertainty))


def _converted(name: str, level: float, error: float) -> tuple[float, float]:
    """Value and uncertainty in people's unit, of a level and its standard deviation."""
    ends = [from_level(name, level + error), from_level(name, level - error)]
    return from_level(name, level), abs(ends[0] - ends[1]) / 2


def _slope(brightness: Floats, mean: Floats, deviation: Floats) -> tuple[float, float]:
    """Slope of the noise's sigma over *brightness* 0..1, by weighted least squares, and its error.

    Nothing is known where all crops are of one brightness.
    """
    weight = deviation**-2.0
    middle = (weight * brightness).sum() / weight.sum()
    spread = (weight * (brightness - middle) ** 2).sum()
    if len(mean) < 3 or spread < 1e-6 * weight.sum():
        return 0.0, math.inf
    centre = (weight * mean).sum() / weight.sum()
    slope = (weight * (brightness - middle) * (mean - centre)).sum() / spread
    rest = mean - centre - slope * (brightness - middle)
    scatter = (weight * rest**2).sum() / (len(mean) - 2)
    return float(MAX_SIGMA * slope), float(MAX_SIGMA * math.sqrt(max(scatter, 1.0) / spread))
