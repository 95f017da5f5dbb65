"""The one verb: a photo in, what it has lost out, by the best way that this installation has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from undegrade.catalog import Catalog
from undegrade.diagnosis import crops, light, network, shade, white, wording
from undegrade.diagnosis.decide import (
    DEVIATIONS,
    NOISE_DEVIATIONS,
    RESAVED,
    THRESHOLDS,
    UNSEEN,
    decide_fade,
    decide_light,
    told_jpeg,
)
from undegrade.diagnosis.fade import NAME as FADE
from undegrade.diagnosis.fade import FadeReader, open_fade
from undegrade.diagnosis.network import CropReader, aggregate
from undegrade.diagnosis.result import Diagnosis, Finding
from undegrade.diagnosis.units import CROP, QUANTITIES, detail_scale, from_level
from undegrade.imaging.arrays import Doubles
from undegrade.imaging.jpeg_tables import LUMA_STEPS, jpeg_level, table_scale
from undegrade.imaging.noise_levels import (
    CHROMA,
    KNOTS,
    LUMA,
    MAX_NOISE,
    NOISE,
    part_weights,
    white_levels,
)
from undegrade.levels import noise_sigma
from undegrade.picture import Picture

SMALLEST = 32
"""Shorter photos would be all mirror images to the network, and are left to classical eyes."""

SURVIVING = 1 / 5
"""Standard deviation of noise, in steps of the quantiser, below which one coefficient in eighty is
not rounded to what it would be without."""

MUCH = 3.0
"""Times the least noise that counts, from which on it is acted on in photos smaller than a crop."""


LEAST_NOISE = 3.0
"""Noise below this sigma is no damage: clean texture measures up to that."""

NO_JPEG = 100.0
"""The quality of pixels that show no JPEG."""

BLIND = "the diagnosis network is missing: noise is estimated without it, and detail is not"
"""Told of each photo where classical estimators stand in."""

Diagnoser: TypeAlias = Callable[[Picture], Diagnosis]
"""Diagnoses a picture; may be called from several threads at once."""


def open_diagnoser(catalog: Catalog, threads: int | None = None) -> Diagnoser:
    """By the networks in *catalog*; classical estimators stand in for the one that reads crops, and
    without the one for faded prints none is found.

    Raises :class:`ModelError` if a network is there, but damaged.
    """
    model, faded = catalog.models.get(network.NAME), catalog.models.get(FADE)
    if model is None or not model.path.is_file():
        return estimate
    fade = open_fade(faded, threads) if faded and faded.path.is_file() else None
    return partial(diagnose, reader=network.open_reader(model, threads), fade=fade)


def diagnose(picture: Picture, reader: CropReader, fade: FadeReader | None = None) -> Diagnosis:
    """What *picture* has lost: noise, JPEG and detail by the network, light and colour by count.

    Up to 16 crops of native pixels are read on the grid of the JPEG that they came from, so that
    its cost does not grow with the photo. White noise that was not coded is measured besides, and
    the two figures are weighed against each other. What the file's own tables say of JPEG is taken
    where the pixels do not contradict it, for it is exact; a file that was saved again says nothing
    of what came before. Whether a print has faded is for *fade* to say, of whole photos; without it
    none has.
    """
    if min(picture.height, picture.width) < SMALLEST:
        return replace(estimate(picture), crops=1)
    corners = crops.lay(crops.choose(picture))
    looked = crops.cut(picture, corners)
    if any(phase := crops.phase(looked, corners)):
        looked = crops.cut(picture, crops.lay(corners, phase))
    found = _Read(*aggregate(*reader(looked)))
    mirrored = min(picture.height, picture.width) < CROP
    jpeg = _jpeg(*found["jpeg"], picture.encoding.jpeg_quality, proof=not mirrored)
    seen = noise_sigma(picture.pixels) if mirrored else math.inf
    parts, least = part_weights(looked), _least_noise(jpeg.value)
    noise = _noise(found, parts, seen, least)
    if noise["noise"].found and not jpeg.found:
        read, measured = noise["noise"], white.measure(looked)
        sigma, doubt = white.agreed(read.value, read.uncertainty, *measured)
        if white.certain(read.value, read.uncertainty, *measured):
            grey = bool((looked[:, 0] == looked[:, 1]).all())
            noise = _noise(found.as_white(sigma, doubt, grey), parts, seen, least)
        else:
            noise = _measured(noise, sigma, doubt)
    blur = found["blur"]
    counted = _counted(picture)
    if fade and light.is_whole(picture):
        counted["fade"] = decide_fade(fade(picture))
    return Diagnosis(
        **noise,
        **counted,
        jpeg=jpeg,
        blur=_blur(*blur),
        scale=_scale(*blur),
        crops=len(corners),
    )


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
        **_counted(picture),
        crops=0,
    )


def _counted(picture: Picture) -> dict[str, Any]:
    """What is told of *picture* with the network and without."""
    return {
        **decide_light(light.measure(picture), shade.measure(picture)),
        "fade": UNSEEN,
        "grey": picture.channels == 1,
        "file_quality": picture.encoding.jpeg_quality,
    }


@dataclass(frozen=True)
class _Read:
    """What the network reads off a photo: level and standard deviation by quantity."""

    level: Doubles
    error: Doubles

    def __getitem__(self, quantity: str) -> tuple[float, float]:
        index = QUANTITIES.index(quantity)
        return float(self.level[index]), float(self.error[index])

    def as_white(self, sigma: float, doubt: float, grey: bool) -> _Read:
        """The same, but that noise is white, of *sigma* +- *doubt* in 0..255 units."""
        level, error = self.level.copy(), self.error.copy()
        index = [QUANTITIES.index(quantity) for quantity in (*NOISE, "grain")]
        level[index], error[index] = ((*white_levels(each, grey), 0.0) for each in (sigma, doubt))
        return _Read(level, error)

    def several(self, quantities: Sequence[str]) -> tuple[Doubles, Doubles]:
        """Levels, none below 0, and errors of some quantities."""
        index = [QUANTITIES.index(quantity) for quantity in quantities]
        return np.maximum(self.level[index], 0.0), self.error[index]


def _least_noise(quality: float) -> float:
    """The least noise that counts in a photo coded at *quality*, 0..255 units.

    What lies below a part (``SURVIVING``) of the finest step of luma was rounded away in most
    coefficients: it is not there to be taken out, and cannot be read.
    """
    step = float(LUMA_STEPS.min()) * table_scale(quality)
    return max(THRESHOLDS["noise"].limit, SURVIVING * step)


def _noise(found: _Read, weights: Doubles, seen: float, least: float) -> dict[str, Any]:
    """The findings on noise, of a photo whose parts weigh *weights* (3,); *least* counts.

    Crops of mirror images look noisier than they are: no more than classical eyes have *seen* is
    believed of them (infinite for other photos), and only if it is much.
    """
    luma, chroma = found.several(LUMA), found.several(CHROMA)
    both = np.hypot(luma[0], chroma[0]), np.hypot(luma[1], chroma[1])
    means = {
        name: _over(weights, *levels)
        for name, levels in (("noise", both), ("noise_luma", luma), ("noise_chroma", chroma))
    }
    sigma, doubt = means["noise"]
    believed = min(1.0, seen / max(sigma, 1e-6))
    if math.isfinite(seen):
        sigma *= believed
        strong = sigma >= MUCH * THRESHOLDS["noise"].limit
        doubt = sigma / DEVIATIONS if strong else max(doubt, DEVIATIONS * sigma)
    sure = sigma >= least and sigma >= NOISE_DEVIATIONS * doubt
    run = KNOTS[-1] - KNOTS[0]
    slope = MAX_NOISE * float(both[0][-1] - both[0][0]) / run
    unsure = MAX_NOISE * float(np.hypot(both[1][-1], both[1][0])) / run
    size, size_error = _converted("grain", *found["grain"])
    return {
        "noise": Finding(sigma, doubt, sure, wording.noise(sigma, doubt, size)),
        "noise_luma": Finding.of("noise_luma", *means["noise_luma"]),
        "noise_chroma": Finding.of("noise_chroma", *means["noise_chroma"]),
        "noise_slope": Finding.of("noise_slope", slope, unsure),
        "grain": Finding(size, size_error, False, wording.grain(size, size_error)),
        "noise_levels": tuple((believed * found.several(NOISE)[0]).tolist()),
    }


def _over(weights: Doubles, levels: Doubles, errors: Doubles) -> tuple[float, float]:
    """Root mean square over the parts of a photo, and its error if all parts err alike."""
    whole = float(np.sqrt((weights * levels**2).sum()))
    least = float(np.sqrt((weights * errors**2).sum()))
    error = float((weights * levels * errors).sum()) / whole if whole > least else least
    return MAX_NOISE * whole, MAX_NOISE * error


def _measured(noise: dict[str, Any], sigma: float, doubt: float) -> dict[str, Any]:
    """The findings on noise, once its *sigma* has been measured besides."""
    levels = tuple(level * sigma / noise["noise"].value for level in noise["noise_levels"])
    words = wording.noise(sigma, doubt, noise["grain"].value)
    mended = Finding(sigma, doubt, noise["noise"].found, words)
    return {**noise, "noise": mended, "noise_levels": levels}


def _blur(level: float, error: float) -> Finding:
    scale = _scale(level, error)
    found = (
        scale.value >= THRESHOLDS["blur"].limit
        and scale.value - scale.uncertainty >= THRESHOLDS["surely_blur"].limit
    )
    return Finding.of("blur", *_converted("blur", level, error), found)


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
    return Finding.of("scale", value, uncertainty)


def _converted(name: str, level: float, error: float) -> tuple[float, float]:
    """Value and uncertainty in people's unit, of a level and its standard deviation."""
    ends = [from_level(name, level + error), from_level(name, level - error)]
    return from_level(name, level), abs(ends[0] - ends[1]) / 2
