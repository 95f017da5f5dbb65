"""The record of a run: one row for each object, as Parquet below the output."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from undegrade.cluster.store import joined, write_object
from undegrade.cluster.worker import ROW
from undegrade.errors import InputError

FOLDER = "_undegrade"
ROWS, SECONDS = 1000, 5.0
"""A part is written after so many rows, or so long: what a killed driver forgets."""

TYPES = {str: pa.string(), bool: pa.bool_(), float: pa.float64()}
SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in ROW.items()])


class Ledger:
    """Rows in parts, each written whole; of several rows for one output the last one counts."""

    def __init__(self, output: str) -> None:
        self.folder = joined(output, f"{FOLDER}/manifest")
        self._rows: list[dict[str, Any]] = []
        self._flushed = time.monotonic()
        self._part = 0
        # Parts sort by the time of their run, then by their number.
        self._run = f"{time.time_ns():020d}-{uuid.uuid4().hex[:6]}"

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Note finished objects; they are on disk after ``SECONDS`` at the latest, or `flush`."""
        self._rows += rows
        if len(self._rows) >= ROWS or time.monotonic() - self._flushed > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is noted as a part."""
        if self._rows:
            table = pa.Table.from_pylist(self._rows, SCHEMA)
            sink = pa.BufferOutputStream()
            pq.write_table(table, sink, compression="zstd")
            name = f"{self._run}-{self._part:06d}.parquet"
            write_object(joined(self.folder, name), sink.getvalue().to_pybytes())
            self._rows, self._part = [], self._part + 1
        self._flushed = time.monotonic()

    def parts(self) -> Iterator[pa.Table]:
        """All parts, oldest first."""
        fs, path = url_to_fs(self.folder)
        for name in sorted(fs.glob(f"{path}/*.parquet")):
            try:
                with fs.open(name, "rb") as file:
                    yield pq.read_table(file)
            except (OSError, pa.ArrowException) as error:
                raise InputError(
                    f"the manifest {name!r} cannot be read: {error}", "remove that part"
                ) from None

    def done(self, settings: str, *, retry_failed: bool = False) -> Done:
        """What need not be done again with these *settings*."""
        keys = [np.empty(0, np.uint64)]
        for part in self.parts():
            names = ["input", "version", "output", "settings", "status", "passing"]
            found = [
                _key(row["input"], row["version"], row["output"])
                for row in part.select(names).to_pylist()
                if row["settings"] == settings
                # A row of success stands even where another run failed later on.
                and (row["status"] != "failed" or not (row["passing"] or retry_failed))
            ]
            keys.append(np.array(found, np.uint64))
        return Done(np.unique(np.concatenate(keys)))


class Done:
    """Which objects are done: 8 bytes for each, so that a million of them take 8 MB."""

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    def __call__(self, source: str, version: str, target: str) -> bool:
        key = _key(source, version, target)
        at = int(np.searchsorted(self._keys, key))
        return at < len(self._keys) and self._keys[at] == key


def _key(source: str, version: str, target: str) -> np.uint64:
    text = "\0".join((source, version, target)).encode("utf-8", "surrogatepass")
    return np.uint64(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()))
