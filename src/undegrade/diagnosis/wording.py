"""Findings in words; what rounds to nothing is said to be nothing."""

from __future__ import annotations

import math
from collections.abc import Callable


def about(value: float, uncertainty: float, digits: int = 1) -> str:
    """``12.3 ± 0.8``, or the value alone where its uncertainty is 0 or has no bounds."""
    shown = f"{value:.{digits}f}"
    if not uncertainty or math.isinf(uncertainty):
        return shown
    return f"{shown} ± {uncertainty:.{digits}f}"


COARSE = 1.5
"""Grain in pixels from which on it is told beside the noise."""


def noise(sigma: float, uncertainty: float, size: float = 1.0) -> str:
    """*size* is that of its grains in pixels."""
    if round(sigma, 1) == 0:
        return "no noise"
    coarse = f", its grains {size:.1f} pixels wide" if size >= COARSE else ""
    return f"noise of sigma {about(sigma, uncertainty)}{coarse}"


def noise_luma(sigma: float, uncertainty: float) -> str:
    return f"noise of brightness of sigma {about(sigma, uncertainty)}"


def noise_chroma(sigma: float, uncertainty: float) -> str:
    return f"noise of colour of sigma {about(sigma, uncertainty)}"


def grain(size: float, uncertainty: float) -> str:
    return f"grains {about(size, uncertainty)} pixels wide"


def noise_slope(slope: float, uncertainty: float) -> str:
    """How noise depends on brightness, where that is more than chance."""
    if abs(slope) < 2 * uncertainty:
        return "noise alike in dark and bright parts, as far as can be told"
    where = "bright" if slope > 0 else "dark"
    return f"noise stronger in {where} parts, by sigma {about(abs(slope), uncertainty)}"


def jpeg(quality: float, uncertainty: float, told: float | None = None) -> str:
    """*told* is what the file says, where the pixels contradict it."""
    shown = f"JPEG artefacts of quality {about(quality, uncertainty, 0)}"
    if round(quality) >= 100:
        shown = "no JPEG artefacts"
    if told is None:
        return shown
    return f"{shown}, though the file says {told:.0f}: it was saved again"


def blur(sigma: float, uncertainty: float) -> str:
    if round(sigma, 1) == 0:
        return "not blurred"
    return f"blurred by {about(sigma, uncertainty)} pixels"


def scale(value: float, uncertainty: float) -> str:
    if round(value, 1) <= 1:
        return "as much detail as its size can hold"
    return f"as much detail as a photo {about(value, uncertainty)} times smaller"


def exposure(stops: float, uncertainty: float) -> str:
    side = "above" if stops > 0 else "below"
    return f"its middle {about(abs(stops), uncertainty)} stops {side} mid grey"


def headroom(stops: float, uncertainty: float) -> str:
    if round(stops, 1) == 0:
        return "its lights reach white"
    return f"its lights {about(stops, uncertainty)} stops below white"


def shade(stops: float, uncertainty: float) -> str:
    if stops == 0:
        return "no deep shadows"
    return f"its shadows {about(-stops, uncertainty)} stops below mid grey"


def fade(change: float, uncertainty: float) -> str:
    if round(change, 1) == 0:
        return "not faded"
    return f"its contrast and colours {about(change, uncertainty)} of 100 from those of a new print"


def shadows(share: float, uncertainty: float) -> str:
    return f"{100 * share:.0f} % of it black" if round(share, 2) else "nothing of it black"


def highlights(share: float, uncertainty: float) -> str:
    return f"{100 * share:.0f} % of it burnt out" if round(share, 2) else "nothing burnt out"


def red_green(a: float, uncertainty: float) -> str:
    return f"a {'red' if a > 0 else 'green'} cast of {about(abs(a), uncertainty)}"


def yellow_blue(b: float, uncertainty: float) -> str:
    return f"a {'yellow' if b > 0 else 'blue'} cast of {about(abs(b), uncertainty)}"


def flatness(spread: float, uncertainty: float) -> str:
    return f"lightness spread over {about(spread, uncertainty, 0)} of 100"


LIGHT: dict[str, Callable[[float, float], str]] = {
    "exposure": exposure,
    "headroom": headroom,
    "shadows": shadows,
    "highlights": highlights,
    "red_green": red_green,
    "yellow_blue": yellow_blue,
    "flatness": flatness,
}
