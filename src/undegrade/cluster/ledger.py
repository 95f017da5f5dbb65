"""What lies below the output of a run: its record, one row for each object, as Parquet.

Rows go one way. Who has done a unit writes its rows as a part, whole or not at all, and what stands
in a part is done. The driver only counts; at the end it puts the small parts of its run together.
Beside the record, as long as the run lives, is its scratch.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from fsspec.core import url_to_fs
from numpy.typing import NDArray

from undegrade.cluster.store import (
    MANIFEST_FOLDER,
    StoreError,
    joined,
    read_table,
    write_table,
)
from undegrade.cluster.worker import ROW, Row
from undegrade.errors import InputError, OutputError

ROWS = 10_000
"""Of a part that is put together, about: some 30 MB in memory."""

TYPES = {str: pa.string(), bool: pa.bool_(), float: pa.float64()}
SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in ROW.items()])
KEYED = ["input", "version", "output", "settings"]
_NONE = np.empty(0, np.uint64)
WEEK = 7 * 24 * 3600
"""Seconds after which a folder of another machine's run is taken for forgotten."""
PREFIX = "run-"


class Scratch:
    """A folder below an output, removed with all that killed workers left in it.

    *name* is that of an earlier run; by default of a new one.
    """

    def __init__(self, output: str, name: str = "") -> None:
        self._output, self._parent = output, joined(output, MANIFEST_FOLDER)
        self._host = socket.gethostname().replace("-", "_")
        self.name = name or f"{time.time_ns():020d}-{self._host}-{os.getpid()}"
        """When it began, where, and in which process; names sort by time."""
        self.uri = joined(self._parent, PREFIX + self.name)

    def remove(self) -> None:
        """Take the folder away; raises :class:`OutputError` where the store does not allow it."""
        fs, path = url_to_fs(self.uri, use_listings_cache=False)
        try:
            if fs.exists(path):
                fs.rm(path, recursive=True)
        except FileNotFoundError:
            pass
        except (OSError, StoreError) as error:
            raise OutputError(f"cannot remove {path!r}: {error}", "remove it by hand") from None

    def left(self) -> Iterator[Scratch]:
        """The folders that killed runs of this machine left, and what is old."""
        fs, parent = url_to_fs(self._parent, use_listings_cache=False)
        for path in fs.glob(f"{parent}/{PREFIX}*"):
            name = path.rstrip("/").rpartition("/")[2].removeprefix(PREFIX)
            began, host, pid = name.split("-")
            old = time.time() - int(began) / 1e9 > WEEK
            if old or (host == self._host and not _lives(int(pid))):
                yield Scratch(self._output, name)


def _lives(pid: int) -> bool:
    """Whether there is such a process; where that cannot be known, yes."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class Ledger:
    """Rows in parts, each written whole; of several rows for one output the last one counts.

    Parameters
    ----------
    output: the prefix that the rows are of.
    run: whose rows are written and put together; by default nobody's.
    """

    def __init__(self, output: str, run: Scratch | None = None) -> None:
        self.folder = joined(output, f"{MANIFEST_FOLDER}/manifest")
        # Parts sort by the time of their run.
        self._run, self._scratch = (run.name, run.uri) if run else ("", "")

    def keep(self, rows: list[Row]) -> None:
        """Write the *rows* of a unit, or write them again; raises as :func:`write_table` does."""
        self._write(self._unit([row["output"] for row in rows]), rows)

    def kept(self, outputs: Sequence[str]) -> list[Row]:
        """The rows of the unit that has these *outputs*, if it is done in this run; else none."""
        fs, path = url_to_fs(joined(self.folder, self._unit(outputs)))
        try:
            rows: list[Row] = read_table(fs, path).to_pylist()
        except FileNotFoundError:
            return []
        return rows

    def compact(self) -> None:
        """Put the parts of the run together, each row once, into some of ``ROWS`` rows.

        May be broken off at any time and begun again.

        Raises
        ------
        InputError, OutputError, StoreError: a part cannot be read, or the store takes no other.
        """
        fs, small = self._paths(f"{self._run}-unit-*")
        large = len(self._paths(f"{self._run}-rows-*")[1])
        # What was broken off has left small parts whose rows stand in a large one.
        seen = np.concatenate([_NONE, *self._keys("-rows-")])
        rows: list[Row] = []
        done: list[str] = []
        for number, path in enumerate(small, 1):
            fresh, keys = _new(_read(fs, path).to_pylist(), seen)
            seen = np.concatenate([seen, keys])
            rows += fresh
            done.append(path)
            if len(rows) >= ROWS or number == len(small):
                if rows:
                    self._write(f"{self._run}-rows-{large:06d}.parquet", rows)
                fs.rm(done)
                rows, done, large = [], [], large + 1

    def parts(self, columns: list[str] | None = None, *, own: bool = False) -> Iterator[pa.Table]:
        """All parts, or the run's *own*, oldest first; all *columns* or some.

        Raises :class:`InputError` where one cannot be read.
        """
        fs, paths = self._paths(f"{self._run}-*" if own else "*")
        for path in paths:
            yield _read(fs, path, columns)

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
        return Done(np.concatenate([_NONE, *self._keys("-")]), settings)

    def _keys(self, kind: str) -> Iterator[NDArray[np.uint64]]:
        """The hashes of the objects in the run's parts of a *kind*, part by part."""
        fs, paths = self._paths(f"{self._run}{kind}*")
        for path in paths:
            yield _hashes(_identity(row) for row in _read(fs, path, KEYED).to_pylist())

    def _paths(self, names: str) -> tuple[Any, list[str]]:
        """The store, and in it the parts with such *names*, oldest first."""
        fs, folder = url_to_fs(self.folder, use_listings_cache=False)
        return fs, sorted(fs.glob(f"{folder}/{names}.parquet"))

    def _unit(self, outputs: Sequence[str]) -> str:
        name = hashlib.blake2b("\0".join(outputs).encode(), digest_size=12).hexdigest()
        return f"{self._run}-unit-{name}.parquet"

    def _write(self, name: str, rows: list[Row]) -> None:
        write_table(joined(self.folder, name), rows, SCHEMA, self._scratch)


class Done:
    """Which objects are done: 8 bytes for each, so that a million of them take 8 MB."""

    def __init__(self, keys: NDArray[np.uint64], settings: str) -> None:
        self._keys = np.unique(keys)
        self._settings = settings

    def __call__(self, source: str, version: str, target: str) -> bool:
        key = _hash("\0".join((source, version, target, self._settings)))
        at = int(np.searchsorted(self._keys, key))
        return at < len(self._keys) and bool(self._keys[at] == key)


def _read(fs: object, path: str, columns: list[str] | None = None) -> pa.Table:
    try:
        return read_table(fs, path, columns)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"the manifest {path!r} cannot be read: {error}", "remove that part"
        ) from None


def _new(rows: list[Row], seen: NDArray[np.uint64]) -> tuple[list[Row], NDArray[np.uint64]]:
    """Those of *rows* that are not *seen*, each once, and the hashes of all."""
    keys = _hashes(map(_identity, rows))
    _, first = np.unique(keys, return_index=True)
    fresh = first[~np.isin(keys[first], seen)]
    return [rows[index] for index in np.sort(fresh)], keys


def _identity(row: Row) -> str:
    return "\0".join(row[name] for name in KEYED)


def _hashes(texts: Iterable[str]) -> NDArray[np.uint64]:
    return np.fromiter((_hash(text) for text in texts), np.uint64)


def _hash(text: str) -> np.uint64:
    raw = text.encode("utf-8", "surrogatepass")
    return np.uint64(int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest()))
