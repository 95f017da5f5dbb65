"""What lives as long as a run: its listing, and outputs that are not whole yet."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

from fsspec.core import url_to_fs

from undegrade.cluster.journal import left_in
from undegrade.cluster.store import MANIFEST_FOLDER, StoreError, joined
from undegrade.cluster.worker import Row
from undegrade.errors import OutputError

WEEK = 7 * 24 * 3600
"""Seconds after which a folder of another machine's run is taken for forgotten."""


class Scratch:
    """A folder below an output, removed with all that killed workers left in it."""

    def __init__(self, output: str) -> None:
        self._parent = joined(output, MANIFEST_FOLDER)
        self._host = socket.gethostname().replace("-", "_")
        name = f"run-{time.time_ns():020d}-{self._host}-{os.getpid()}"
        self.uri = joined(self._parent, name)

    def remove(self) -> None:
        """Take this run's folder away.

        Raises
        ------
        OutputError: the store does not allow it.
        """
        self._remove(url_to_fs(self.uri, use_listings_cache=False)[1])

    def sweep(self) -> Iterator[list[Row]]:
        """Take away what killed runs of this machine left, and what is old; their unrecorded rows.

        A run's folder goes once its rows were taken, so they must be recorded as they come.

        Raises
        ------
        OutputError: the store does not allow it.
        """
        fs, parent = url_to_fs(self._parent, use_listings_cache=False)
        for path in fs.glob(f"{parent}/run-*"):
            _, began, host, pid = path.rstrip("/").rpartition("/")[2].split("-")
            old = time.time() - int(began) / 1e9 > WEEK
            if old or (host == self._host and not _lives(int(pid))):
                yield [row for rows in left_in(fs, path) for row in rows]
                self._remove(path)

    def _remove(self, path: str) -> None:
        fs, _ = url_to_fs(self._parent, use_listings_cache=False)
        try:
            if fs.exists(path):
                fs.rm(path, recursive=True)
        except FileNotFoundError:
            pass
        except (OSError, StoreError) as error:
            raise OutputError(f"cannot remove {path!r}: {error}", "remove it by hand") from None


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
