"""Every degradation by name."""

from __future__ import annotations

from difflib import get_close_matches

from undegrade.degradation.base import Degradation
from undegrade.degradation.blur import Blur
from undegrade.degradation.camera import Camera, Scan, Web
from undegrade.degradation.fade import Fade
from undegrade.degradation.jpeg import Jpeg
from undegrade.degradation.lowlight import Lowlight
from undegrade.degradation.noise import GaussianNoise, PoissonGaussianNoise
from undegrade.degradation.phone import Phone
from undegrade.degradation.resample import Resample
from undegrade.errors import UsageError

DEGRADATIONS: dict[str, Degradation] = {
    "gaussian-noise": GaussianNoise(),
    "poisson-gaussian-noise": PoissonGaussianNoise(),
    "jpeg": Jpeg(),
    "resample": Resample(),
    "blur": Blur(),
    "lowlight": Lowlight(),
    "phone": Phone(),
    "fade": Fade(),
    "camera": Camera(),
    "scan": Scan(),
    "web": Web(),
}


def degradation(name: object) -> Degradation:
    """The operator called *name*; UsageError lists the known ones or the nearest."""
    if isinstance(name, str) and name in DEGRADATIONS:
        return DEGRADATIONS[name]
    near = get_close_matches(str(name), DEGRADATIONS, 1)
    raise UsageError(
        f"there is no degradation {name!r}",
        f"did you mean {near[0]!r}?" if near else "there are " + ", ".join(DEGRADATIONS),
    )
