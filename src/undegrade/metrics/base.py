"""What every metric is: a name, which way is better, what it needs, and a call that gives a float.

A call takes finished pictures, (H, W, 3) or (H, W), ``uint8`` or floating point in [0, 1], says in
which channel and how far from the border it measures, and computes in float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import UsageError
from undegrade.imaging.arrays import Doubles
from undegrade.imaging.luma import LUMA, STUDIO

Channel = Literal["rgb", "y", "grey"]
"""Where a metric is measured.

``rgb``
    all three channels.
``y``
    luma of BT.601 in studio range, ``(16 + 65.481 R + 128.553 G + 24.966 B) / 255`` for R, G, B in
    [0, 1]: MATLAB's ``rgb2ycbcr``, which the literature on super-resolution measures in. Not
    rounded, and with the peak 1 although it spans 219/255: 1.32 dB come from that alone.
``grey``
    luma of BT.601 in full range, ``0.299 R + 0.587 G + 0.114 B``: MATLAB's ``rgb2gray``, OpenCV's
    and Pillow's grey. Not rounded.
"""

_WEIGHTS: dict[str, tuple[float, tuple[float, ...]]] = {
    "y": (STUDIO[0] / 255, tuple(weight / 255 for weight in STUDIO[1])),
    "grey": (0.0, LUMA),
}

Needs = Literal["truth", "input", "nothing"]
"""What stands beside the enhanced picture: the undamaged one (full reference), the damaged one, or
nothing (no reference)."""


class Metric(ABC):
    """A number that says how good an enhanced picture is.

    Metrics hold no state but their parameters (and weights, once read): the same pictures give the
    same number.
    """

    name: str
    """The key in :data:`undegrade.metrics.METRICS` and in tables."""

    better: Literal["higher", "lower"]
    """Which values are good."""

    range: tuple[float, float]
    """The least and the greatest value."""

    needs: ClassVar[Needs]
    """What the second picture is."""

    unit: str = ""
    """``dB``, or nothing for a bare number."""

    channels: tuple[Channel, ...] = ("rgb", "y", "grey")
    """Where it is defined; the first is what a call takes that names none."""

    least: int = 1
    """The shortest side that can be measured, in pixels after cropping."""

    _value: Callable[..., float]
    """For as many pictures as it compares, (H, W, C) float64 in [0, 1] each."""

    def __call__(
        self,
        picture: NDArray[Any],
        reference: NDArray[Any] | None = None,
        *,
        channel: Channel | None = None,
        crop: int = 0,
    ) -> float:
        """Measure *picture*.

        Parameters
        ----------
        picture: the enhanced picture, (H, W, 3), (H, W, 1) or (H, W), sRGB-encoded, uint8 or
            floating point in [0, 1]. Nothing is rounded here: give uint8 for a protocol that
            compares files.
        reference: what :attr:`needs` names, likewise.
        channel: one of :attr:`channels`; a grey picture is measured as it is.
        crop: pixels left out at every border, before anything is measured.

        Raises
        ------
        UsageError: pictures that are not such, do not fit each other or are too small, an unknown
            channel, a reference missing or not wanted.
        ModelError: weights that cannot be had.
        """
        if reference is None:
            if self.needs != "nothing":
                raise UsageError(f"{self.name} needs a second picture: the {self.needs}")
            pictures: tuple[Doubles, ...] = (as_floats(picture),)
        elif self.needs == "nothing":
            raise UsageError(f"{self.name} measures one picture and takes no second")
        else:
            pictures = self._matched(as_floats(picture), as_floats(reference))
        return float(self._value(*(self._prepared(one, channel, crop) for one in pictures)))

    def _matched(self, picture: Doubles, reference: Doubles) -> tuple[Doubles, Doubles]:
        """The pair to be compared, in one shape."""
        if picture.shape != reference.shape:
            raise UsageError(
                f"{self.name} compares pictures of one shape, not {picture.shape} "
                f"with {reference.shape}"
            )
        return picture, reference

    def _prepared(self, picture: Doubles, channel: Channel | None, crop: int) -> Doubles:
        """The channel, cropped and large enough: (H, W, C) float64."""
        chosen = self.channels[0] if channel is None else channel
        if chosen not in self.channels:
            raise UsageError(
                f"{self.name} is not defined on the channel {chosen!r}",
                f"choose one of: {', '.join(self.channels)}",
            )
        part = cropped(in_channel(picture, chosen), crop)
        if min(part.shape[:2]) < self.least:
            height, width = part.shape[:2]
            raise UsageError(
                f"{self.name} needs sides of at least {self.least} pixels, not {width}x{height}"
                + (f" (after cropping {crop})" if crop else ""),
                "give a larger picture",
            )
        return part


class Comparison(Metric):
    """A metric of two pictures of one shape."""

    needs: ClassVar[Needs] = "truth"

    @abstractmethod
    def _value(self, picture: Doubles, reference: Doubles) -> float: ...


class Assessment(Metric):
    """A metric of one picture, (H, W, 1)."""

    needs: ClassVar[Needs] = "nothing"

    @abstractmethod
    def _value(self, picture: Doubles) -> float: ...


def optional(module: str, extra: str = "eval") -> Any:
    """The module called so, which the extra *extra* brings; raises :class:`UsageError` without."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise UsageError(
            f"this metric needs the package {module.partition('.')[0]!r}, which is not installed",
            f'pip install "undegrade[{extra}]"',
        ) from None


def as_floats(picture: NDArray[Any]) -> Doubles:
    """*picture* as (H, W, C) float64 in [0, 1]; 8-bit values are divided by 255.

    Raises :class:`UsageError` for another shape or type, an empty picture, values beyond [0, 1] or
    not finite.
    """
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape:
        raise UsageError(f"a picture must be (H, W, 3) or (H, W), not {np.shape(picture)}")
    if array.dtype == np.uint8:
        floats: Doubles = array / 255.0
        return floats
    if not np.issubdtype(array.dtype, np.floating):
        raise UsageError(
            f"a picture must be uint8 or floating point in [0, 1], not {array.dtype}",
            "divide by the greatest value",
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):  # false for NaN too
        raise UsageError(
            f"a floating-point picture must lie in [0, 1], not in [{low:.4g}, {high:.4g}]",
            "clip it, or divide 8-bit values by 255",
        )
    return array.astype(np.float64, copy=False)


def in_channel(picture: Doubles, channel: Channel) -> Doubles:
    """(H, W, 3) in *channel*: (H, W, 3) or (H, W, 1). A grey picture, (H, W, 1), stays as it is."""
    if channel not in get_args(Channel):
        raise UsageError(
            f"there is no channel {channel!r}", f"choose one of: {', '.join(get_args(Channel))}"
        )
    if channel == "rgb" or picture.shape[2] == 1:
        return picture
    offset, weights = _WEIGHTS[channel]
    luma: Doubles = picture @ np.array(weights) + offset
    return luma[:, :, None]


def cropped(picture: Doubles, border: int) -> Doubles:
    """*picture* without *border* pixels at each side."""
    if border < 0:
        raise UsageError(f"crop = {border} must be at least 0")
    height, width = picture.shape[:2]
    if 2 * border >= min(height, width):
        raise UsageError(
            f"cropping {border} pixels leaves nothing of a picture of {width}x{height} pixels"
        )
    return picture[border : height - border, border : width - border]


def coloured(picture: Doubles) -> Doubles:
    """(H, W, 3): a grey picture counts as one whose three channels are equal."""
    return np.broadcast_to(picture, (*picture.shape[:2], 3))
