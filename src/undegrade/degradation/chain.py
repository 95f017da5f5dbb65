"""Several degradations one after the other, and the record that replays them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from undegrade.degradation.base import Degradation, Image, Parameters, as_image
from undegrade.degradation.table import degradation
from undegrade.errors import UsageError

Step: TypeAlias = dict[str, Any]
"""``{"operator": name, ...}`` with that operator's parameters beside the name."""

Record: TypeAlias = list[Step]
"""What was done to a picture, in order; plain JSON."""


class Chain:
    """Operators in order, some parameters fixed and the rest drawn.

    ``y = D_n(... D_1(x))``. A step is an operator's name, or ``{"operator": name, ...}`` with the
    parameters that are to be the same in every sample.

    Raises :class:`UsageError` for no step, an unknown operator, or a bad fixed parameter.

    >>> Chain([{"operator": "jpeg", "quality": 30, "subsampling": "4:4:4"}]).sample(
    ...     np.random.default_rng(0)
    ... )
    [{'operator': 'jpeg', 'quality': 30, 'subsampling': '4:4:4'}]
    """

    def __init__(self, steps: Sequence[str | Mapping[str, Any]]) -> None:
        if isinstance(steps, str | Mapping) or not steps:
            raise UsageError(f"a chain is a list of degradations, not {steps!r}")
        self.steps: tuple[tuple[Degradation, Parameters], ...] = tuple(
            _read({"operator": step} if isinstance(step, str) else step, partial=True)
            for step in steps
        )

    def sample(self, rng: np.random.Generator) -> Record:
        """Draw what is not fixed; fixing one parameter leaves the draws of the others alone."""
        return [
            {"operator": operator.name, **operator.check({**operator.sample(rng), **fixed})}
            for operator, fixed in self.steps
        ]


def replay(image: Image, record: Sequence[Mapping[str, Any]]) -> Image:
    """Do to *image* (H, W, 1 or 3 float32 in [0, 1]) what *record* says; the image stays as it is.

    Returns float32, clipped or not as the last operator has it; an empty record gives a copy.

    Raises :class:`UsageError` for an unknown operator or a bad parameter; nothing is computed then.
    """
    steps = [_read(step) for step in record]
    result = as_image(image).copy()
    for operator, parameters in steps:
        result = operator.apply(result, parameters)
    return result


def levels(record: Sequence[Mapping[str, Any]]) -> list[float]:
    """The level of each step of *record*, in order."""
    return [operator.level(parameters) for operator, parameters in map(_read, record)]


def _read(step: Mapping[str, Any], *, partial: bool = False) -> tuple[Degradation, Parameters]:
    if not isinstance(step, Mapping) or "operator" not in step:
        raise UsageError(
            f"{step!r} is no step of a chain", 'write {"operator": name} with its parameters'
        )
    operator = degradation(step["operator"])
    given = {key: value for key, value in step.items() if key != "operator"}
    return operator, operator.check(given, partial=partial)
