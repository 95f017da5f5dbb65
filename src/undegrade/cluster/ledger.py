"""The record of a run: one row for each object, as Parquet below the output."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from undegrade.cluster.store import MANIFEST_FOLDER, joined
from undegrade.cluster.tables import read_table, write_table
from undegrade.cluster.worker import ROW, Row
from undegrade.errors import InputError

ROWS, SECONDS = 1000, 5.0
"""A part is written after so many rows, or so long."""

TYPES = {str: pa.string(), bool: pa.bool_(), float: pa.float64()}
SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in ROW.items()])


class Ledger:
    """Rows in parts, each written whole; of several rows for one output the last one counts."""

    def __init__(self, output: str) -> None:
        self.folder = joined(output, f"{MANIFEST_FOLDER}/manifest")
        self._rows: list[Row] = []
        self._flushed = time.monotonic()
        self._part = 0
        # Parts sort by the time of their run, then by their number.
        self._run = f"{time.time_ns():020d}-{uuid.uuid4().hex[:6]}"

    def add(self, rows: list[Row]) -> bool:
        """Note finished objects; whether all that was noted is in the store now."""
        self._rows += rows
        if len(self._rows) >= ROWS or time.monotonic() - self._flushed > SECONDS:
            self.flush()
        return not self._rows

    def adopt(self, rows: list[Row]) -> None:
        """Record *rows* of a run that was killed, unless it has recorded them itself."""
        if not rows:
            return
        parts = (part.to_pylist() for part in self.parts(KEYED))
        known = np.concatenate([_NONE, *(_hashes(map(_identity, part)) for part in parts)])
        seen = set(known.tolist())
        for row in rows:
            key = int(_hash(_identity(row)))
            if key not in seen:
                seen.add(key)
                self._rows.append(row)
        self.flush()

    def flush(self) -> None:
        """Write what is noted as a part."""
        if self._rows:
            name = f"{self._run}-{self._part:06d}.parquet"
            write_table(joined(self.folder, name), self._rows, SCHEMA)
            self._rows, self._part = [], self._part + 1
        self._flushed = time.monotonic()

    def parts(self, columns: list[str] | None = None, run: str = "") -> Iterator[pa.Table]:
        """All parts, or those of one *run*, oldest first; all *columns* or some.

        Raises
        ------
        InputError: a part cannot be read.
        """
        fs, path = url_to_fs(self.folder, use_listings_cache=False)
        for name in sorted(fs.glob(f"{path}/{run}*.parquet")):
            try:
                yield read_table(fs, name, columns)
            except (OSError, pa.ArrowException) as error:
                raise InputError(
                    f"the manifest {name!r} cannot be read: {error}", "remove that part"
                ) from None

    def done(self, settings: str, *, retry_failed: bool = False) -> Done:
        """What need not be done again with these *settings*.

        An output is done where the last run that wrote it had this input and these settings: one
        with other settings has replaced it. A failure that stays is done unless *retry_failed*.
        """
        outputs, made, failed = [_NONE], [_NONE], [_NONE]
        for part in self.parts([*KEYED, "status", "passing"]):
            rows = part.to_pylist()
            written = [row for row in rows if row["status"] != "failed"]
            outputs.append(_hashes(row["output"] for row in written))
            made.append(_hashes(_identity(row) for row in written))
            if not retry_failed:
                stuck = [row for row in rows if row["status"] == "failed" and not row["passing"]]
                failed.append(_hashes(_identity(row) for row in stuck))
        # The first of the turned arrays is the last row of an output.
        _, last = np.unique(np.concatenate(outputs)[::-1], return_index=True)
        standing = np.concatenate(made)[::-1][last]
        return Done(np.concatenate([standing, *failed]), settings)

    def recorded(self, settings: str) -> Done:
        """What this run has a row for, whatever became of it."""
        self.flush()
        rows = (part.to_pylist() for part in self.parts(KEYED, self._run))
        keys = [_hashes(_identity(row) for row in part) for part in rows]
        return Done(np.concatenate([_NONE, *keys]), settings)


KEYED = ["input", "version", "output", "settings"]
_NONE = np.empty(0, np.uint64)


class Done:
    """Which objects are done: 8 bytes for each, so that a million of them take 8 MB."""

    def __init__(self, keys: NDArray[np.uint64], settings: str) -> None:
        self._keys = np.unique(keys)
        self._settings = settings

    def __len__(self) -> int:
        return len(self._keys)

    def __call__(self, source: str, version: str, target: str) -> bool:
        key = _hash("\0".join((source, version, target, self._settings)))
        at = int(np.searchsorted(self._keys, key))
        return at < len(self._keys) and bool(self._keys[at] == key)


def _identity(row: Row) -> str:
    return "\0".join(row[name] for name in KEYED)


def _hashes(texts: Iterable[str]) -> NDArray[np.uint64]:
    return np.fromiter((_hash(text) for text in texts), np.uint64)


def _hash(text: str) -> np.uint64:
    raw = text.encode("utf-8", "surrogatepass")
    return np.uint64(int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest()))
