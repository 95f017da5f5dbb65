"""How a metric is called and its values are written."""

from __future__ import annotations

import math
from dataclasses import dataclass

from undegrade.metrics import metric

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"

_STYLES = {
    "psnr": ("PSNR", 2),
    "psnr-b": ("PSNR-B", 2),
    "ssim": ("SSIM", 4),
    "ms-ssim": ("MS-SSIM", 4),
    "ms-ssim-dped": ("MS-SSIM (DPED)", 4),
    "lpips-alex": ("LPIPS (Alex)", 4),
    "lpips-vgg": ("LPIPS (VGG)", 4),
    "lpips-squeeze": ("LPIPS (Squeeze)", 4),
    "lpips-squeeze-fp16": ("LPIPS (Squeeze, fp16)", 4),
    "ciede2000": ("CIEDE2000", 2),
    "niqe": ("NIQE", 2),
    "brisque": ("BRISQUE", 2),
    "brisque-opencv": ("BRISQUE (OpenCV)", 2),
    "noise-amplification": ("Noise amplification", 3),
    "consistency": ("Consistency", 2),
    "text-f1": ("Text F1", 3),
}
"""How tables call a metric, and its decimals there; others go by their key, with 3."""


@dataclass(frozen=True)
class Measure:
    """What the report needs to know of a metric."""

    key: str
    label: str
    unit: str
    higher: bool
    """Whether higher is better."""
    digits: int
    """Decimals in tables."""

    @classmethod
    def of(cls, key: str) -> Measure:
        """The metric of that key; raises :class:`undegrade.errors.UsageError` for an unknown."""
        known = metric(key)
        label, digits = _STYLES.get(key, (key, 3))
        return cls(key, label, known.unit, known.better == "higher", digits)

    @property
    def arrow(self) -> str:
        """Which way is better, as a sign."""
        return "\N{UPWARDS ARROW}" if self.higher else "\N{DOWNWARDS ARROW}"

    @property
    def better(self) -> str:
        """Which way is better, in words."""
        return "higher is better" if self.higher else "lower is better"

    @property
    def title(self) -> str:
        """For an axis: ``PSNR (dB)``."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def gain(self, new: float, old: float) -> float:
        """By how much *new* is better than *old*; 0 where both are the same infinity."""
        if new == old:
            return 0.0
        return new - old if self.higher else old - new

    def text(self, value: float | None) -> str:
        """A value as tables show it: ``31.41``, ``∞``, or a dash where there is none."""
        return number(value, self.digits)

    def change(self, value: float) -> str:
        """A difference, signed: ``+0.12``."""
        return ("" if value < 0 or math.isnan(value) else "+") + self.text(value)

    @property
    def space_unit(self) -> str:
        """The unit behind a value, with its no-break space."""
        return f"\N{NO-BREAK SPACE}{self.unit}" if self.unit else ""


def number(value: float | None, digits: int) -> str:
    """*value* with so many decimals and a true minus sign.

    >>> number(-0.004, 2), number(float("inf"), 2), number(None, 2)
    ('0.00', '∞', '–')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return ("" if value > 0 else MINUS) + "\N{INFINITY}"
    # Adding 0 turns the -0.0 that rounding leaves into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)


def seconds(value: float | None) -> str:
    """Seconds in three figures at most: ``0.042``, ``3.1``, ``89``."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value <= 0:
        return "0"
    return number(value, max(0, min(4, 1 - math.floor(math.log10(value)))))
