"""What a photo has lost, in numbers and words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from undegrade.diagnosis import wording
from undegrade.imaging.noise_levels import NOISE


@dataclass(frozen=True)
class Finding:
    """One quantity."""

    value: float
    uncertainty: float
    """Standard deviation, in the unit of the value."""
    found: bool
    """Whether it counts as damage; see :mod:`undegrade.diagnosis.decide`."""
    words: str
    """The same for people, such as ``noise of sigma 12.3 ± 0.8``."""

    @classmethod
    def of(cls, name: str, value: float, uncertainty: float, found: bool = False) -> Finding:
        """The finding *name*, in the words of :func:`undegrade.diagnosis.wording.words`."""
        return cls(value, uncertainty, found, wording.words(name, value, uncertainty))


@dataclass(frozen=True)
class Diagnosis:
    """What :func:`undegrade.diagnosis.diagnose` finds."""

    noise: Finding
    """Root mean square of the noise before the last coding, over the photo, 0..255 units."""
    noise_luma: Finding
    """What of it the three channels share."""
    noise_chroma: Finding
    """What of it they do not; ``noise^2 = noise_luma^2 + noise_chroma^2``."""
    noise_slope: Finding
    """How much larger that is in white than in black parts; negative for a sensor's noise, that
    tone curves have raised in the shadows."""
    grain: Finding
    """Size of the noise's grains in pixels; 1 for white noise."""
    jpeg: Finding
    """Quality 1..100 of the coarsest coding that the pixels have gone through; 100 for none."""
    blur: Finding
    """Standard deviation in pixels of a Gaussian that leaves as little detail."""
    scale: Finding
    """How many times smaller the photo could be and hold the same detail; 1 for all there is."""
    exposure: Finding
    """Stops from mid grey to the median luminance; damage where it is too dark."""
    headroom: Finding
    """Stops by which the photo could be brightened before its lights clip; no damage by itself."""
    shade: Finding
    """Stops from mid grey to the median of what lies in deep shadow, 0 where little does; damage
    where somebody would surely want it lit, and not for sunsets, silhouettes, night or low key."""
    fade: Finding
    """What the network for faded prints would change, in hundredths of the scale; damage where that
    is more than it would ever change of a photo that needs nothing."""
    shadows: Finding
    """Share of the pixels that are black; told, not counted as damage."""
    highlights: Finding
    """Share of the pixels with a channel that is full; told, not counted as damage."""
    red_green: Finding
    """CIELAB a* of what may be grey: positive is red, negative green."""
    yellow_blue: Finding
    """CIELAB b* of what may be grey: positive is yellow, negative blue."""
    flatness: Finding
    """Spread of L* between the darkest and the brightest twentieth; damage where it is small."""
    file_quality: float | None = None
    """What the file's own quantisation tables say, ``None`` where it has none."""
    crops: int = 0
    """How many crops were looked at."""
    grey: bool = False
    """Whether the photo has one channel."""
    noise_levels: tuple[float, ...] = (0.0,) * len(NOISE)
    """The levels :data:`undegrade.imaging.noise_levels.NOISE`, which a restorer is told."""

    def findings(self) -> dict[str, Finding]:
        """Every quantity by name, in order."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Finding)}

    @property
    def is_clean(self) -> bool:
        """Whether nothing counts as damage."""
        return not any(finding.found for finding in self.findings().values())

    @property
    def white(self) -> bool:
        """Whether its noise was measured, or stated, to be white: its grain is one pixel."""
        return (self.grain.value, self.grain.uncertainty) == (1.0, 0.0)

    @property
    def words(self) -> tuple[str, ...]:
        """What was found, one phrase each; empty for a clean photo."""
        return tuple(finding.words for finding in self.findings().values() if finding.found)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        plain = asdict(self, dict_factory=_finite)
        levels = dict(zip(NOISE, plain.pop("noise_levels"), strict=True))
        return {"clean": self.is_clean, **plain, "noise_levels": levels}


def _finite(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON has no infinity: an uncertainty without bounds is None."""
    return {key: None if value in (math.inf, -math.inf) else value for key, value in pairs}
