"""What every degradation is: a name, parameters that can be drawn, an effect and a level."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.degradation.fields import AS_FILE, SEED_LIMIT, Field, Parameters
from undegrade.errors import UsageError

Image: TypeAlias = NDArray[np.float32]
"""(H, W, 3) or (H, W, 1) float32, sRGB-encoded, nominally in [0, 1]."""

__all__ = ["Degradation", "Image", "Parameters", "as_file", "as_image", "draw_seed"]


class Degradation(ABC):
    """One thing that goes wrong with a photo, ``y = D(x; parameters)``.

    Operators hold no state: everything that changes the result is in the parameters, so the same
    picture with the same parameters gives the same result.
    """

    name: ClassVar[str]
    """The key in records and on the command line."""

    fields: ClassVar[tuple[Field, ...]]
    """The parameters, in the order in which records show them."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Parameters:
        """Draw parameters that lie in the trained range (levels 0..1), seeds included."""

    @abstractmethod
    def _apply(self, image: Image, parameters: Parameters) -> Image:
        """The effect, on a checked image with complete parameters; not yet rounded for a file."""

    @abstractmethod
    def _level(self, parameters: Parameters) -> float:
        """The level, of complete parameters."""

    def check(self, parameters: Mapping[str, Any], *, partial: bool = False) -> Parameters:
        """Check *parameters* against the fields; a new dict in the order of the fields.

        Defaults are filled in, unless *partial*: then only what was given is checked and returned.

        Raises :class:`UsageError` for an unknown key, a missing one, or a value of the wrong kind
        or range.
        """
        names = [field.name for field in self.fields]
        for key, value in parameters.items():
            if key not in names:
                near = get_close_matches(str(key), names, 1)
                raise UsageError(
                    f"{self.name} has no parameter {key!r} (= {value!r})",
                    f"did you mean {near[0]!r}?" if near else "it has " + ", ".join(names),
                )
        complete: Parameters = {}
        for field in self.fields:
            if field.name in parameters:
                value = parameters[field.name]
                try:
                    complete[field.name] = field.read(value)
                except ValueError as error:
                    raise UsageError(f"{self.name}: {field.name} = {value!r} {error}") from None
            elif partial:
                continue
            elif field.default is None:
                raise UsageError(f"{self.name}: {field.name} is missing", f"it is the {field.help}")
            else:
                complete[field.name] = field.default
        return complete

    def apply(self, image: Image, parameters: Mapping[str, Any]) -> Image:
        """Degrade *image*, which stays as it is.

        Parameters
        ----------
        image: (H, W, 3) or (H, W, 1) float32 sRGB in [0, 1].
        parameters: from :meth:`sample`, a record, or written by hand.

        Returns a new float32 array with the same number of channels; whether it is clipped to
        [0, 1] is said by each operator. Raises :class:`UsageError` for a bad parameter, or an array
        that is not such an image.
        """
        source = as_image(image)
        complete = self.check(parameters)
        result = np.asarray(self._apply(source, complete), dtype=np.float32)
        if complete.get(AS_FILE.name):
            result = as_file(result)
        return result.copy() if np.may_share_memory(result, source) else result

    def level(self, parameters: Mapping[str, Any]) -> float:
        """How much damage *parameters* mean: 0 nothing, 1 the most that is trained on, or more."""
        return float(self._level(self.check(parameters)))


def as_image(image: NDArray[Any]) -> Image:
    """*image* as float32, or UsageError if it is not (H, W, 3) or (H, W, 1) floating point."""
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape:
        raise UsageError(f"an image must be (H, W, 3) or (H, W, 1), not {array.shape}")
    if not np.issubdtype(array.dtype, np.floating):
        raise UsageError(
            f"an image must be floating point in [0, 1], not {array.dtype}",
            "divide 8-bit values by 255 first",
        )
    return array.astype(np.float32, copy=False)


def as_file(image: Image) -> Image:
    """Clip to [0, 1] and round to 8 bit, still float32."""
    return np.asarray(np.rint(np.clip(image, 0.0, 1.0) * 255.0) / 255.0, dtype=np.float32)


def draw_seed(rng: np.random.Generator) -> int:
    """A seed for a record, a plain int."""
    return int(rng.integers(SEED_LIMIT))
