"""Tensors in files that ``torch.save`` wrote, read without torch and without running their code.

There are two layouts: since version 1.6 a ZIP archive with a pickle and one uncompressed entry a
storage; before, four pickles and the storages one after the other. The pickles name a few
functions of torch, which are known here, and nothing else is let in.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]

MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of the old layout."""

TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}

Rebuild = tuple[str, int, tuple[int, ...], tuple[int, ...]]
"""Key of the storage, offset, shape and strides, the last three in elements."""


def read_torch(path: Path) -> dict[str, Array]:
    """The tensors of a state dict, by name, as views of the file (memory-mapped).

    Raises ``pickle.UnpicklingError``, ``ValueError``, ``OSError``, and what else a broken pickle
    can make Python raise.
    """
    if zipfile.is_zipfile(path):
        state, storages = _read_archive(path)
    else:
        state, storages = _read_old(path)
    if not isinstance(state, dict):
        raise ValueError("it holds no state dict")
    return {str(key): _array(value, storages) for key, value in state.items()}


class _Unpickler(pickle.Unpickler):
    """Loads dictionaries of tensors; ``types`` collects the element type of each storage."""

    def __init__(self, file: io.BufferedIOBase | BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.types: dict[str, tuple[np.dtype[Any], int]] = {}

    def persistent_load(self, pid: Any) -> str:
        kind, storage, key, _, count, *_ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"{kind!r} is not a storage")
        self.types[str(key)] = (np.dtype(TYPES[storage]), int(count))
        return str(key)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module in ("torch", "torch.storage") and name in TYPES:
            return name
        if module == "torch._utils" and name in _REBUILDERS:
            return _REBUILDERS[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a state dict")


def _tensor(
    storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> Rebuild:
    return storage, offset, shape, strides


def _parameter(data: Rebuild, *_: Any) -> Rebuild:
    return data


_REBUILDERS: dict[str, Callable[..., Rebuild]] = {
    "_rebuild_tensor": _tensor,
    "_rebuild_tensor_v2": _tensor,
    "_rebuild_parameter": _parameter,
}


def _read_archive(path: Path) -> tuple[Any, dict[str, Array]]:
    data = np.memmap(path, np.uint8, "r")
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        unpickler = _Unpickler(io.BytesIO(archive.read(entries["data.pkl"])))
        state = unpickler.load()
        storages = {}
        for key, (dtype, count) in unpickler.types.items():
            entry = entries[f"data/{key}"]
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError("its storages are compressed")
            # The local header is 30 bytes and two fields whose lengths stand at its end.
            at = entry.header_offset
            at += 30 + int(data[at + 26 : at + 30].view("<u2").sum())
            storages[key] = _view(data, at, dtype, count)
    return state, storages


def _read_old(path: Path) -> tuple[Any, dict[str, Array]]:
    with path.open("rb") as file:
        if _Unpickler(file).load() != MAGIC:
            raise ValueError("it is no file of torch")
        for _ in range(2):  # version of the layout, sizes of C's types
            _Unpickler(file).load()
        unpickler = _Unpickler(file)
        state = unpickler.load()
        keys = _Unpickler(file).load()
        at = file.tell()
    data = np.memmap(path, np.uint8, "r")
    storages = {}
    for key in keys:
        dtype, count = unpickler.types[str(key)]
        at += 8  # the count again
        storages[str(key)] = _view(data, at, dtype, count)
        at += count * dtype.itemsize
    return state, storages


def _view(data: Array, at: int, dtype: np.dtype[Any], count: int) -> Array:
    return np.asarray(data[at : at + count * dtype.itemsize]).view(dtype)


def _array(value: Any, storages: dict[str, Array]) -> Array:
    key, offset, shape, strides = value
    storage = storages[key]
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 not in shape and not 0 <= offset <= last < len(storage):
        raise ValueError("a tensor lies outside its storage")
    steps = tuple(step * storage.itemsize for step in strides)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)
