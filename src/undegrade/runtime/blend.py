"""Weights between the faithful ones and the vivid ones, by detail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from undegrade.catalog import Model, read_weights
from undegrade.errors import ModelError
from undegrade.imaging.arrays import Floats
from undegrade.runtime.onnx_file import Weight, find_weights, frame


def mixed_weights(model: Model, vivid: Model, detail: float) -> bytes:
    """The ONNX file of *model* with its weights moved towards those of *vivid*.

    ``weight = faithful + detail (vivid - faithful)`` in float32, rounded to the type in the file
    (interpolation of networks: Wang et al., "Deep Network Interpolation for Continuous Imagery
    Effect Transition", CVPR 2019).

    Parameters
    ----------
    detail: 0 is the file of *model* and 1 that of *vivid*, to the bit.

    Raises
    ------
    ModelError: a file cannot be read, or the two differ in more than the values of weights.
    """
    plain, rich = _Parts.of(model), _Parts.of(vivid)
    _check_pair(plain, rich)
    if detail in (0, 1):
        return rich.data if detail else plain.data
    mixed = bytearray(plain.data)
    for weight, other in zip(plain.weights, rich.weights, strict=True):
        faithful, goal = plain.values(weight), rich.values(other)
        # Damaged weights may overflow; what comes of it is told where the network runs.
        with np.errstate(over="ignore", invalid="ignore"):
            between = faithful + np.float32(detail) * (goal - faithful)
            # Equal weights stay to the bit: the sum would take the sign off a zero.
            values = np.where(goal == faithful, faithful, between)
            mixed[weight.start : weight.stop] = values.astype(weight.dtype).tobytes()
    return bytes(mixed)


@dataclass(frozen=True)
class _Parts:
    """An ONNX file as weights and what stands around them."""

    name: str
    data: bytes
    weights: list[Weight]
    frame: bytes

    @classmethod
    def of(cls, model: Model) -> _Parts:
        data, name = read_weights(model), model.card.name
        try:
            weights = find_weights(data)
            return cls(name, data, weights, frame(data, weights))
        except ValueError as error:
            raise ModelError(
                f"the weights of {name!r} cannot be mixed: {error}", "use --detail 0"
            ) from None

    def values(self, weight: Weight) -> Floats:
        stored = np.frombuffer(self.data[weight.start : weight.stop], weight.dtype)
        return stored.astype(np.float32)


def _check_pair(plain: _Parts, rich: _Parts) -> None:
    """Raise :class:`ModelError` unless the two are one graph."""

    def refuse(why: str) -> NoReturn:
        raise ModelError(
            f"{plain.name!r} and {rich.name!r} are not one network: {why}",
            "export both in the same way, or use --detail 0",
        )

    if len(plain.weights) != len(rich.weights):
        refuse(f"they hold {len(plain.weights)} and {len(rich.weights)} weights")
    for weight, other in zip(plain.weights, rich.weights, strict=True):
        one, two = (f"{w.name} {w.dtype} {list(w.shape)}" for w in (weight, other))
        if one != two:
            refuse(f"{one} stands where the other holds {two}")
    if plain.frame != rich.frame:
        refuse("their graphs differ")
