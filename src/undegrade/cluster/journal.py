"""Rows that are safe before the manifest has them: a file a unit, written by its worker."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

from fsspec.core import url_to_fs

from undegrade.cluster.store import StoreError, joined, write_object
from undegrade.cluster.worker import Row
from undegrade.errors import OutputError

FOLDER = "rows"
"""Below the folder of a run."""


class Journal:
    """What workers have finished and the driver has not recorded yet.

    The driver gathers rows into larger parts; were it killed meanwhile, what came back would have
    to be done again.
    """

    def __init__(self, scratch: str) -> None:
        self._folder = joined(scratch, FOLDER)
        self._known: list[str] = []

    def keep(self, rows: list[Row]) -> str:
        """Write *rows*; the name of the file, empty if the store did not take it."""
        name = f"{uuid.uuid4().hex}.json"
        with contextlib.suppress(OutputError, StoreError):
            write_object(joined(self._folder, name), json.dumps(rows).encode())
            return name
        return ""

    def note(self, name: str) -> None:
        """Remember a file whose rows have come back."""
        if name:
            self._known.append(name)

    def clear(self) -> None:
        """Remove the files that were noted: the manifest has their rows."""
        fs, folder = url_to_fs(self._folder)
        if self._known:
            with contextlib.suppress(OSError):  # they go with the run at the latest
                fs.rm([f"{folder}/{name}" for name in self._known])
        self._known = []


def left_in(fs: Any, folder: str) -> Iterator[list[Row]]:
    """The rows that a run left in its *folder* of a file system, a file at a time."""
    for path in fs.glob(f"{folder}/{FOLDER}/*.json"):
        yield json.loads(fs.cat_file(path))
