"""What is known without a network: light and colour by count, JPEG by the file's own tables."""

from __future__ import annotations

import math

from undegrade.diagnosis import wording
from undegrade.diagnosis.fade import Fade
from undegrade.diagnosis.light import Light
from undegrade.diagnosis.result import Finding
from undegrade.diagnosis.shade import Shade
from undegrade.diagnosis.thresholds import DEVIATIONS, THRESHOLDS
from undegrade.imaging.jpeg_tables import jpeg_level

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
    return Finding(read.change, read.error, found, wording.fade(read.change, read.error))


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
    flags = {
        "exposure": dark,
        "headroom": False,
        "shadows": False,
        "highlights": False,
        "red_green": cast and by_red,
        "yellow_blue": cast and not by_red,
        "flatness": flat,
    }
    lit = shade.chance >= THRESHOLDS["shade"].limit
    words = wording.shade(shade.stops, shade.error)
    findings = {
        name: Finding(value[name], error[name], flag, wording.LIGHT[name](value[name], error[name]))
        for name, flag in flags.items()
    }
    return {**findings, "shade": Finding(shade.stops, shade.error, lit, words)}
