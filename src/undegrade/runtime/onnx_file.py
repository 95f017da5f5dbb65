"""ONNX files as bytes: where their weights lie, what they say of themselves, two files mixed.

As much of the protocol-buffers encoding (protobuf.dev, "Encoding") and of ONNX's messages
(onnx.proto) as that takes; what is not known is refused. So files can be taken apart without the
package ``onnx``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from undegrade.catalog import Model, read_weights
from undegrade.errors import ModelError
from undegrade.imaging.arrays import Floats

FLOATS: dict[int, np.dtype[np.float32] | np.dtype[np.float16]] = {
    1: np.dtype("<f4"),
    10: np.dtype("<f2"),
}
"""ONNX's numbers of the types that count as weights; initialisers of others are constants."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""How a field is written."""

PRODUCER_NAME, PRODUCER_VERSION, DOC_STRING, GRAPH, METADATA_PROPS = 2, 3, 6, 7, 14
"""Fields of ``ModelProto``."""
NOTES = {PRODUCER_NAME, PRODUCER_VERSION, DOC_STRING, METADATA_PROPS}
"""Those that say who wrote a model, and not what it computes."""
INITIALIZER = 5
"""Of ``GraphProto``."""
KEY, VALUE = 1, 2
"""Of ``StringStringEntryProto``."""
DIMS, DATA_TYPE, NAME, RAW_DATA = ((1, VARINT), (2, VARINT), (8, BYTES), (9, BYTES))
"""Of ``TensorProto``, and how they are written: all that a weight may have."""


@dataclass(frozen=True)
class Weight:
    """An initialiser of floats, and where its values lie in the file."""

    name: str
    dtype: np.dtype[np.float32] | np.dtype[np.float16]
    shape: tuple[int, ...]
    start: int
    stop: int


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


def find_weights(data: bytes) -> list[Weight]:
    """Every initialiser of ``FLOATS`` in an ONNX file, in its order.

    Raises ``ValueError`` if it is cut or no ONNX file, or weights are not raw bytes within it.
    """
    graphs = [field for field in _fields(data, 0, len(data)) if field.number == GRAPH]
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs instead of one")
    (graph,) = graphs
    tensors = (
        _weight(data, field)
        for field in _fields(data, graph.start, graph.stop)
        if field.number == INITIALIZER
    )
    return [weight for weight in tensors if weight]


def metadata(data: bytes) -> dict[str, str]:
    """What an ONNX file says about itself, by its keys; raises ``ValueError`` where it is cut."""
    found = {}
    for field in _fields(data, 0, len(data)):
        if field.number == METADATA_PROPS:
            parts = _fields(data, field.start, field.stop)
            entry = {part.number: data[part.start : part.stop] for part in parts}
            key, value = (entry.get(one, b"").decode(errors="replace") for one in (KEY, VALUE))
            found[key] = value
    return found


def frame(data: bytes, weights: list[Weight]) -> bytes:
    """All of the file but the values of its *weights* and its ``NOTES``."""
    fields = _fields(data, 0, len(data))
    notes = [(field.first, field.stop) for field in fields if field.number in NOTES]
    kept, at = [], 0
    for start, stop in sorted([*notes, *((weight.start, weight.stop) for weight in weights)]):
        kept.append(data[at:start])
        at = stop
    return b"".join([*kept, data[at:]])


def _weight(data: bytes, tensor: _Field) -> Weight | None:
    """The initialiser in *tensor*; ``None`` where it is none of ``FLOATS``."""
    fields = [*_fields(data, tensor.start, tensor.stop)]
    last = {(field.number, field.wire): field for field in fields}
    shape = tuple(field.value for field in fields if (field.number, field.wire) == DIMS)
    kind, named, raw = (last.get(one) for one in (DATA_TYPE, NAME, RAW_DATA))
    if kind is None or kind.value not in FLOATS:
        return None
    name = data[named.start : named.stop].decode(errors="replace") if named else ""
    if raw is None or last.keys() - {DIMS, DATA_TYPE, NAME, RAW_DATA}:
        raise ValueError(f"{name!r} is not stored as raw bytes within the file")
    dtype, size = FLOATS[kind.value], raw.stop - raw.start
    if size != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r} of the shape {shape} holds {size} bytes")
    return Weight(name, dtype, shape, raw.start, raw.stop)


@dataclass(frozen=True)
class _Field:
    """One field of a message: ``data[first:stop]`` with its tag, ``data[start:stop]`` without."""

    number: int
    wire: int
    first: int
    start: int
    stop: int
    value: int
    """Of a varint; else 0."""


def _fields(data: bytes, start: int, stop: int) -> Iterator[_Field]:
    """The fields of the message ``data[start:stop]``; raises ``ValueError`` where it is cut."""
    while start < stop:
        first = start
        tag, start = _varint(data, start, stop)
        wire, value = tag & 7, 0
        if wire == VARINT:
            value, end = _varint(data, start, stop)
        elif wire == BYTES:
            length, start = _varint(data, start, stop)
            end = start + length
        elif wire in (FIXED32, FIXED64):
            end = start + (8 if wire == FIXED64 else 4)
        else:
            raise ValueError(f"byte {first} begins no field")
        if end > stop:
            raise ValueError(f"it is cut off at byte {stop}")
        yield _Field(tag >> 3, wire, first, start, end, value)
        start = end


def _varint(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """The number at *start*, seven bits a byte from the lowest up, and where it ends."""
    value = 0
    for at in range(start, min(stop, start + 10)):
        value |= (data[at] & 0x7F) << 7 * (at - start)
        if data[at] < 0x80:
            return value, at + 1
    raise ValueError(f"the number at byte {start} does not end")
