"""Parquet in any store."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from undegrade.cluster.store import write_object


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
