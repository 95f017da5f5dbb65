"""Tables as Parquet files in any store: the units of a run, from which workers read theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from undegrade.cluster.store import joined, write_object
from undegrade.cluster.units import Unit

UNITS_A_FILE = 256
SCHEMA = pa.schema(
    [(name, pa.list_(pa.string())) for name in ("inputs", "outputs", "versions")]
    + [("megapixels", pa.float64())]
)


class Listing:
    """Work that lies in the store, in *folder*, so that no memory holds all of it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.fs, self._root = url_to_fs(folder)
        self.paths: list[str] = []
        """As the store's file system names them."""

    def write(self, units: Iterable[Unit]) -> None:
        """Add *units*, as they come.

        Raises
        ------
        OutputError, StoreError: the store does not take them.
        """
        rows: list[dict[str, Any]] = []
        for unit in units:
            rows.append(vars(unit))
            if len(rows) == UNITS_A_FILE:
                self._write(rows)
                rows = []
        if rows:
            self._write(rows)

    def _write(self, rows: list[dict[str, Any]]) -> None:
        name = f"part-{len(self.paths):06d}.parquet"
        write_table(joined(self.folder, name), rows, SCHEMA)
        self.paths.append(f"{self._root}/{name}")

    def units(self) -> Iterator[Unit]:
        """What was written, a file at a time."""
        for path in self.paths:
            yield from (Unit(**row) for row in read_table(self.fs, path).to_pylist())


def read_table(fs: Any, path: str, columns: list[str] | None = None) -> pa.Table:
    """The table at *path* of a file system, or some of its *columns*.

    On one thread: a process that ends soon after Arrow's threads have begun may be aborted by them.
    """
    with fs.open(path, "rb") as file:
        return pq.ParquetFile(file).read(columns=columns, use_threads=False)


def write_table(uri: str, rows: list[dict[str, Any]], schema: pa.Schema, scratch: str = "") -> None:
    """Write *rows* as a table, whole or not at all; *scratch* as for :func:`write_object`.

    Raises
    ------
    OutputError, StoreError: the store does not take it.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink, compression="zstd")
    write_object(uri, sink.getvalue().to_pybytes(), scratch=scratch)
