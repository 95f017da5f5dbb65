"""Work measured out: units of objects of about the same number of megapixels, as Parquet files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import NamedTuple

import pyarrow as pa
from fsspec.core import url_to_fs

from undegrade.batch.jobs import DECODE_ONLY
from undegrade.cluster.objects import Object
from undegrade.cluster.store import joined, read_table, write_table
from undegrade.errors import OutputError

MOST_OBJECTS = 64
"""In one unit: what a killed worker repeats."""
UNITS_A_FILE = 256
SCHEMA = pa.schema([("unit", pa.string())])
"""Of a listing: each unit as JSON."""


class Task(NamedTuple):
    """An object that is to be done."""

    input: str
    output: str
    version: str


Unit = list[Task]
"""What one call of a worker does."""


def measure_out(
    objects: Iterable[Object],
    output: str,
    megapixels: float,
    suffix: str | None,
    done: Callable[[Object, str], bool],
) -> Iterator[Unit]:
    """Units of *objects* of about *megapixels* each, passing over what is *done*.

    By megapixels, not by number: a unit of thumbnails takes as long as one of large photos. Raises
    :class:`OutputError` where an output would overwrite its own input.
    """
    unit: Unit = []
    size = 0.0
    for item in objects:
        target = joined(output, output_key(item.key, suffix))
        if target == item.uri:
            raise OutputError(
                f"the output {target!r} would overwrite its own input", "name another prefix"
            )
        if done(item, target):
            continue
        if unit and (size + item.megapixels > megapixels or len(unit) >= MOST_OBJECTS):
            yield unit
            unit, size = [], 0.0
        unit.append(Task(item.uri, target, item.version))
        size += item.megapixels
    if unit:
        yield unit


def output_key(key: str, suffix: str | None) -> str:
    """The key of an object's output: its own, or with a format's *suffix* behind it.

    Behind it, not in place of its own: ``a.jpg`` and ``a.png`` must not share an output, and with
    a million objects nobody could look whether any do.
    """
    own = PurePosixPath(key).suffix.lower()
    new = suffix or DECODE_ONLY.get(own)
    return key if new is None or own == new else key + new


class Listing:
    """Work that lies in the store, in *folder*, so that no memory holds all of it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.fs, self._root = url_to_fs(folder)
        self.paths: list[str] = []
        """As the store's file system names them."""

    def write(self, units: Iterable[Unit]) -> None:
        """Add *units*, as they come; raises as :func:`write_table` does."""
        coming = iter(units)
        while rows := [{"unit": json.dumps(unit)} for unit in islice(coming, UNITS_A_FILE)]:
            name = f"part-{len(self.paths):06d}.parquet"
            write_table(joined(self.folder, name), rows, SCHEMA)
            self.paths.append(f"{self._root}/{name}")

    def units(self) -> Iterator[Unit]:
        """What was written, a file at a time."""
        for path in self.paths:
            yield from map(unit_of, read_table(self.fs, path)["unit"].to_pylist())


def unit_of(text: str) -> Unit:
    """A unit as it stands in a listing."""
    return [Task(*task) for task in json.loads(text)]
