"""A listing as a source of Ray Data: one block for each unit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata

from undegrade.cluster.store import read_table


class UnitsDatasource(Datasource):
    """Reads a file of a listing a task, and hands its rows on one by one.

    Ray Data's own reader of Parquet lists the files in tasks that wait for a core, and the workers
    have taken all of them by then.
    """

    def __init__(self, fs: Any, paths: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fs, self._paths = fs, paths

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        return [
            ReadTask(
                partial(_rows, self._fs, path),
                BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None),
            )
            for path in self._paths
        ]


def _rows(fs: Any, path: str) -> Iterator[pa.Table]:
    table = read_table(fs, path)
    for row in range(table.num_rows):
        yield table.slice(row, 1)
