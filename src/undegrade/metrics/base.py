"""What every metric is: a name, which way is better, what it needs, and a call that gives a float.

A call takes finished pictures, (H, W, 3) or (H, W), ``uint8`` or floating point in [0, 1], says in
which channel and how far from the border it measures, and computes in float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from undegrade.errors import UsageError
from undegrade.imaging.arrays import Doubles
from undegrade.metrics.pictures import Channel, as_floats, cropped, in_channel

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

    @abstractmethod
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

    def __call__(
        self,
        picture: NDArray[Any],
        reference: NDArray[Any] | None = None,
        *,
        channel: Channel | None = None,
        crop: int = 0,
    ) -> float:
        if reference is None:
            raise UsageError(f"{self.name} needs a second picture: the {self.needs}")
        first, second = self._matched(as_floats(picture), as_floats(reference))
        return float(
            self._compare(
                self._prepared(first, channel, crop), self._prepared(second, channel, crop)
            )
        )

    def _matched(self, picture: Doubles, reference: Doubles) -> tuple[Doubles, Doubles]:
        """The pair to be compared, in one shape."""
        if picture.shape != reference.shape:
            raise UsageError(
                f"{self.name} compares pictures of one shape, not {picture.shape} "
                f"with {reference.shape}"
            )
        return picture, reference

    @abstractmethod
    def _compare(self, picture: Doubles, reference: Doubles) -> float:
        """The value for (H, W, C) float64 in [0, 1], twice."""


class Assessment(Metric):
    """A metric of one picture."""

    needs: ClassVar[Needs] = "nothing"

    def __call__(
        self,
        picture: NDArray[Any],
        reference: NDArray[Any] | None = None,
        *,
        channel: Channel | None = None,
        crop: int = 0,
    ) -> float:
        if reference is not None:
            raise UsageError(f"{self.name} measures one picture and takes no second")
        return float(self._assess(self._prepared(as_floats(picture), channel, crop)))

    @abstractmethod
    def _assess(self, picture: Doubles) -> float:
        """The value for (H, W, 1) float64 in [0, 1]."""


def optional(module: str, extra: str = "eval") -> Any:
    """The module called so, which the extra *extra* brings.

    Raises
    ------
    UsageError: its package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise UsageError(
            f"this metric needs the package {module.partition('.')[0]!r}, which is not installed",
            f'pip install "undegrade[{extra}]"',
        ) from None
