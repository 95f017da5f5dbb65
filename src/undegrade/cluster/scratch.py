"""What lives as long as a run: its listing, and files that are not whole yet."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

from fsspec.core import url_to_fs

from undegrade.cluster.store import MANIFEST_FOLDER, StoreError, joined
from undegrade.errors import OutputError

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
        """Take the folder away.

        Raises
        ------
        OutputError: the store does not allow it.
        """
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
