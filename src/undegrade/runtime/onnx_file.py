"""Where the weights lie in an ONNX file, and what it says about itself.

As much of the protocol-buffers encoding (protobuf.dev, "Encoding") and of ONNX's messages
(onnx.proto) as that takes; what is not known is refused. So files can be taken apart without the
package ``onnx``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

FLOATS: dict[int, np.dtype[np.float32] | np.dtype[np.float16]] = {
    1: np.dtype("<f4"),
    10: np.dtype("<f2"),
}
"""ONNX's numbers of the types that count as weights; initialisers of others are constants."""


class Wire(IntEnum):
    """How a field is written."""

    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    FIXED32 = 5


WIRES = frozenset(Wire)


class ModelField(IntEnum):
    """Fields of ``ModelProto``."""

    PRODUCER_NAME = 2
    PRODUCER_VERSION = 3
    DOC_STRING = 6
    GRAPH = 7
    METADATA_PROPS = 14


class GraphField(IntEnum):
    """Fields of ``GraphProto``."""

    INITIALIZER = 5


class EntryField(IntEnum):
    """Fields of ``StringStringEntryProto``."""

    KEY = 1
    VALUE = 2


class TensorField(IntEnum):
    """Fields of ``TensorProto``."""

    DIMS = 1
    DATA_TYPE = 2
    NAME = 8
    RAW_DATA = 9


NOTES = {
    ModelField.PRODUCER_NAME,
    ModelField.PRODUCER_VERSION,
    ModelField.DOC_STRING,
    ModelField.METADATA_PROPS,
}
"""What says who wrote a model, and not what it computes."""


@dataclass(frozen=True)
class Weight:
    """An initialiser of floats, and where its values lie in the file."""

    name: str
    dtype: np.dtype[np.float32] | np.dtype[np.float16]
    shape: tuple[int, ...]
    start: int
    stop: int


def find_weights(data: bytes) -> list[Weight]:
    """Every initialiser of ``FLOATS`` in an ONNX file, in its order.

    Raises
    ------
    ValueError: the file is cut or no ONNX file, or weights are not raw bytes within it.
    """
    graphs = [field for field in _fields(data, 0, len(data)) if field.number == ModelField.GRAPH]
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs instead of one")
    (graph,) = graphs
    tensors = (
        _weight(data, field)
        for field in _fields(data, graph.start, graph.stop)
        if field.number == GraphField.INITIALIZER
    )
    return [weight for weight in tensors if weight]


def metadata(data: bytes) -> dict[str, str]:
    """What an ONNX file says about itself, by its keys; raises ``ValueError`` where it is cut."""
    found = {}
    for field in _fields(data, 0, len(data)):
        if field.number == ModelField.METADATA_PROPS:
            parts = _fields(data, field.start, field.stop)
            entry = {part.number: data[part.start : part.stop] for part in parts}
            key, value = (entry.get(one, b"").decode(errors="replace") for one in EntryField)
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
    shape: list[int] = []
    kind, name, raw, unknown = 0, "", None, False
    for field in _fields(data, tensor.start, tensor.stop):
        match field.number, field.wire:
            case TensorField.DIMS, Wire.VARINT:
                shape.append(field.value)
            case TensorField.DATA_TYPE, Wire.VARINT:
                kind = field.value
            case TensorField.NAME, Wire.BYTES:
                name = data[field.start : field.stop].decode(errors="replace")
            case TensorField.RAW_DATA, Wire.BYTES:
                raw = field
            case _:
                unknown = True
    if kind not in FLOATS:
        return None
    if raw is None or unknown:
        raise ValueError(f"{name!r} is not stored as raw bytes within the file")
    dtype, size = FLOATS[kind], raw.stop - raw.start
    if size != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r} of the shape {tuple(shape)} holds {size} bytes")
    return Weight(name, dtype, tuple(shape), raw.start, raw.stop)


@dataclass(frozen=True)
class _Field:
    """One field of a message: ``data[first:stop]`` with its tag, ``data[start:stop]`` without."""

    number: int
    wire: Wire
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
        if tag & 7 not in WIRES:
            raise ValueError(f"byte {first} begins no field")
        wire, value = Wire(tag & 7), 0
        if wire == Wire.VARINT:
            value, end = _varint(data, start, stop)
        elif wire == Wire.BYTES:
            length, start = _varint(data, start, stop)
            end = start + length
        else:
            end = start + (8 if wire == Wire.FIXED64 else 4)
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
