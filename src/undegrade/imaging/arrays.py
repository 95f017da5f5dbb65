"""What arrays are called in annotations, and small steps from one kind of them to another."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = Any
"""A floating-point array of numpy or torch."""

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Bytes: TypeAlias = NDArray[np.uint8]

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""Whole numbers as a file holds them, up to the largest of their type."""


def to_whole(values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """*values* as whole numbers of *dtype*, rounded and clipped.

    Parameters
    ----------
    values: of numpy, floating point; written over.
    """
    np.rint(values, out=values)
    np.clip(values, 0, np.iinfo(dtype).max, out=values)
    return values.astype(dtype)


def place(like: Array) -> dict[str, Any]:
    """Where *like* lies, as keyword arguments for what makes arrays."""
    return {"device": like.device} if hasattr(like, "to") else {}


def as_like(values: Any, like: Array) -> Array:
    """*values* as an array of the library and type of *like*, where it lies."""
    return array_namespace(like).asarray(values, dtype=like.dtype, **place(like))


def column(parameter: Any, like: Array) -> Array:
    """*parameter* (N,) as (N, 1, 1, 1) of the type of *like* and where it lies."""
    return array_namespace(like).reshape(as_like(parameter, like), (-1, 1, 1, 1))
