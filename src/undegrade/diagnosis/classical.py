"""What can be told without the network: noise and JPEG by classical estimators, light by count."""

from __future__ import annotations

import math

from undegrade.diagnosis import light, shade, wording
from undegrade.diagnosis.decide import UNSEEN, decide_light, told_jpeg
from undegrade.diagnosis.result import Diagnosis, Finding
from undegrade.imaging.noise_levels import white_levels
from undegrade.levels import noise_sigma
from undegrade.picture import Picture

LEAST_NOISE = 3.0
"""Noise below this sigma is no damage: clean texture measures up to that."""

NO_JPEG = 100.0
"""The quality of pixels that show no JPEG."""


def estimate(picture: Picture) -> Diagnosis:
    """What *picture* has lost, as far as a machine without the network can tell.

    Noise by the finest wavelet band, JPEG by the file's tables, light and colour as ever; how
    sharp it is stays unknown. Uncertainties that nobody knows have no bounds.
    """
    sigma = round(noise_sigma(picture.pixels), 2)
    told = picture.encoding.jpeg_quality
    return Diagnosis(
        noise=Finding(sigma, math.inf, sigma >= LEAST_NOISE, wording.noise(sigma, math.inf)),
        noise_luma=UNSEEN,
        noise_chroma=UNSEEN,
        noise_slope=UNSEEN,
        grain=Finding(1.0, math.inf, False, UNSEEN.words),
        noise_levels=white_levels(sigma, picture.channels == 1),
        jpeg=Finding(NO_JPEG, math.inf, False, UNSEEN.words) if told is None else told_jpeg(told),
        blur=UNSEEN,
        scale=Finding(1.0, math.inf, False, UNSEEN.words),
        **decide_light(light.measure(picture), shade.measure(picture)),
        fade=UNSEEN,
        grey=picture.channels == 1,
        file_quality=told,
        crops=0,
    )
