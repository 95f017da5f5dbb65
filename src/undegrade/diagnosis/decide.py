"""What counts as damage: one table of limits, with reasons, and what is known without a network.

Light and colour are found by count, JPEG by the file's own tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from undegrade.diagnosis import wording
from undegrade.diagnosis.fade import Fade
from undegrade.diagnosis.light import Light
from undegrade.diagnosis.result import Finding
from undegrade.diagnosis.shade import Shade
from undegrade.imaging.jpeg_tables import jpeg_level


@dataclass(frozen=True)
class Threshold:
    """A limit, and why it is where it is."""

    limit: float
    why: str


# Limits are chosen on training photos that were held out, that of blur on those of BSDS, from
# which no network here learns. Clean photos come first: a limit that finds damage of half the mid
# level in 19 of 20 photos is not loosened.
THRESHOLDS = {
    "noise": Threshold(2.0, "0..255 units; digital photos measure up to 0.3, scans of film 1 to 2"),
    "jpeg": Threshold(0.235, "level, quality 90; finer coding cannot be seen, and hardly be told"),
    "blur": Threshold(
        1.3, "times that the photo could be smaller; sharp ones measure 1.0, blurred by a pixel 2"
    ),
    "surely_blur": Threshold(
        1.1, "the same, its uncertainty taken off: noise and coding hide detail, and raise both"
    ),
    "dark": Threshold(-0.3, "stops from mid grey to the median, together with the headroom below"),
    "headroom": Threshold(1.24, "stops; 98 of 100 good photos leave less of the scale unused"),
    "shade": Threshold(
        0.55, "chance that its shadows are to be lit; lower ones are more often meant than not seen"
    ),
    "fade": Threshold(
        11.0, "hundredths of the scale that its network would change, together with the next two"
    ),
    "faded_black": Threshold(0.16, "black of the darkest channel; 98 of 100 good photos go below"),
    "fog": Threshold(43.0, "L* of black: a dye that has kept two fifths of its density is darker"),
    "cast": Threshold(16.0, "chroma of what may be grey; warm evenings and lawns reach 15"),
    "flat": Threshold(18.0, "spread of L*, its error added; fog leaves more in 99 of 100 photos"),
    "empty": Threshold(2.0, "spread of L* below which there is nothing that could be spread"),
}

# Clipped shadows and highlights are told and not counted: nothing gives them back, and a white
# background is meant.

RESAVED = 0.12
"""JPEG level by which pixels must look worse than the file's own tables to contradict them: 10
points of quality at 90."""

DEVIATIONS = 2.0
"""Standard deviations by which they must, too, and by which a value must lie above none."""

NOISE_DEVIATIONS = 1.9
"""The same for noise: of BSDS' film scans 3 of 99 count as noisy then, of LOL's bright photos 1 of
59, of those that training saw clean none of 117, and 47 of 62 under damage of unseen kinds. At 1.75
it is one more of these, and 7 of BSDS'."""

UNSEEN = Finding(0.0, math.inf, False, "not looked at")


def told_jpeg(quality: float) -> Finding:
    """What a file's own quantisation tables say; exact."""
    found = jpeg_level(quality) >= THRESHOLDS["jpeg"].limit
    return Finding(quality, 0.0, found, wording.jpeg(quality, 0.0))


def decide_fade(read: Fade) -> Finding:
    """The finding on faded dyes."""
    found = (
        read.change >= THRESHOLDS["fade"].limit
        and read.least >= THRESHOLDS["faded_black"].limit
        and read.lightness <= THRESHOLDS["fog"].limit
    )
    return Finding.of("fade", read.change, read.error, found)


def decide_light(found: Light, shade: Shade) -> dict[str, Finding]:
    """The findings on light and colour, by the names that :class:`Diagnosis` has for them."""
    value, error = found.value, found.error
    dark = (
        value["exposure"] <= THRESHOLDS["dark"].limit
        and value["headroom"] >= THRESHOLDS["headroom"].limit
    )
    chroma = math.hypot(value["red_green"], value["yellow_blue"])
    noise = math.hypot(error["red_green"], error["yellow_blue"])
    cast = chroma >= THRESHOLDS["cast"].limit and chroma >= DEVIATIONS * noise
    # One cast is one damage: it is told by the larger of the two.
    by_red = abs(value["red_green"]) > abs(value["yellow_blue"])
    flat = (
        value["flatness"] >= THRESHOLDS["empty"].limit
        and value["flatness"] + error["flatness"] <= THRESHOLDS["flat"].limit
    )
    found_of = {
        "exposure": dark,
        "red_green": cast and by_red,
        "yellow_blue": cast and not by_red,
        "flatness": flat,
    }
    findings = {
        name: Finding.of(name, value[name], error[name], found_of.get(name, False))
        for name in value
    }
    lit = shade.chance >= THRESHOLDS["shade"].limit
    return {**findings, "shade": Finding.of("shade", shade.stops, shade.error, lit)}
