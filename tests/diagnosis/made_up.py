"""Diagnoses without a photo: a clean one, but for what the test says."""

from __future__ import annotations

from undegrade.diagnosis import Diagnosis, Finding, wording
from undegrade.imaging.noise_levels import white_levels

DARK = Finding.of("exposure", -4.1, 0.1, True)
ROOM = Finding.of("headroom", 3.0, 0.1)
SHADE = Finding.of("shade", -3.2, 0.1, True)
FADED = Finding.of("fade", 12.0, 0.8, True)
BLUE = Finding.of("yellow_blue", -20.0, 1.0, True)
RED = Finding.of("red_green", 18.0, 1.0, True)
FLAT = Finding.of("flatness", 12.0, 1.0, True)


def noise(sigma: float, found: bool = True, error: float = 0.8) -> Finding:
    return Finding(sigma, error, found, wording.noise(sigma, error))


def jpeg(quality: float, found: bool = True, error: float = 0.0) -> Finding:
    return Finding(quality, error, found, wording.jpeg(quality, error))


def scale(value: float, error: float = 0.1) -> Finding:
    return Finding.of("scale", value, error)


def made_up(**damage: Finding) -> Diagnosis:
    """A clean photo but for *damage*; its noise is white."""
    nothing = Finding(0.0, 0.0, False, "nothing")
    clean = dict.fromkeys(
        (
            *("noise_luma", "noise_chroma", "noise_slope", "blur"),
            *("exposure", "headroom", "shade", "fade", "shadows", "highlights"),
            *("red_green", "yellow_blue", "flatness"),
        ),
        nothing,
    )
    known = {
        "noise": noise(0.0, False),
        "grain": Finding(1.0, 0.0, False, wording.grain(1.0, 0.0)),
        "jpeg": jpeg(100.0, False),
        "headroom": ROOM,
        "scale": scale(1.0),
    }
    findings = clean | known | damage
    levels = white_levels(findings["noise"].value)
    return Diagnosis(**findings, crops=16, noise_levels=levels)
