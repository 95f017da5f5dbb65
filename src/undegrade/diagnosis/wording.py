"""Findings in words; what rounds to nothing is said to be nothing."""

from __future__ import annotations

import math

COARSE = 1.5
"""Grain in pixels from which on it is told beside the noise."""


def about(value: float, uncertainty: float, digits: int = 1) -> str:
    """``12.3 ± 0.8``, or the value alone where its uncertainty is 0 or has no bounds."""
    shown = f"{value:.{digits}f}"
    if not uncertainty or math.isinf(uncertainty):
        return shown
    return f"{shown} ± {uncertainty:.{digits}f}"


def noise(sigma: float, uncertainty: float, size: float = 1.0) -> str:
    """*size* is that of its grains in pixels."""
    if round(sigma, 1) == 0:
        return "no noise"
    coarse = f", its grains {size:.1f} pixels wide" if size >= COARSE else ""
    return f"noise of sigma {about(sigma, uncertainty)}{coarse}"


def grain(size: float, uncertainty: float) -> str:
    return f"grains {about(size, uncertainty)} pixels wide"


def jpeg(quality: float, uncertainty: float, told: float | None = None) -> str:
    """*told* is what the file says, where the pixels contradict it."""
    shown = f"JPEG artefacts of quality {about(quality, uncertainty, 0)}"
    if round(quality) >= 100:
        shown = "no JPEG artefacts"
    if told is None:
        return shown
    return f"{shown}, though the file says {told:.0f}: it was saved again"


def words(name: str, value: float, uncertainty: float) -> str:
    """Every other finding, by its *name* in :class:`~undegrade.diagnosis.Diagnosis`."""
    told, size = about(value, uncertainty), about(abs(value), uncertainty)
    nothing = round(value, 1) == 0
    match name:
        case "noise_luma":
            return f"noise of brightness of sigma {told}"
        case "noise_chroma":
            return f"noise of colour of sigma {told}"
        case "noise_slope" if abs(value) < 2 * uncertainty:
            return "noise alike in dark and bright parts, as far as can be told"
        case "noise_slope":
            where = "bright" if value > 0 else "dark"
            return f"noise stronger in {where} parts, by sigma {size}"
        case "blur":
            return "not blurred" if nothing else f"blurred by {told} pixels"
        case "scale" if round(value, 1) <= 1:
            return "as much detail as its size can hold"
        case "scale":
            return f"as much detail as a photo {told} times smaller"
        case "exposure":
            return f"its middle {size} stops {'above' if value > 0 else 'below'} mid grey"
        case "headroom":
            return "its lights reach white" if nothing else f"its lights {told} stops below white"
        case "shade" if value == 0:
            return "no deep shadows"
        case "shade":
            return f"its shadows {about(-value, uncertainty)} stops below mid grey"
        case "fade" if nothing:
            return "not faded"
        case "fade":
            return f"its contrast and colours {told} of 100 from those of a new print"
        case "shadows":
            return f"{100 * value:.0f} % of it black" if round(value, 2) else "nothing of it black"
        case "highlights":
            return (
                f"{100 * value:.0f} % of it burnt out" if round(value, 2) else "nothing burnt out"
            )
        case "red_green":
            return f"a {'red' if value > 0 else 'green'} cast of {size}"
        case "yellow_blue":
            return f"a {'yellow' if value > 0 else 'blue'} cast of {size}"
        case "flatness":
            return f"lightness spread over {about(value, uncertainty, 0)} of 100"
    raise ValueError(f"no finding is called {name!r}")
