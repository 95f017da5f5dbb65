"""What is already done: one JSON line for each finished output."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from undegrade.errors import OutputError
from undegrade.work import sha256

NAME = "undegrade-manifest.jsonl"


class Manifest:
    """The manifest of an output folder.

    A line is written once its output is on disk, so a crash loses at most the work in flight. A
    line cut by a crash is passed over when reading; a later line for the same output replaces
    the earlier one. May be used from several threads.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, Any]] = {}
        if self.path.is_file():
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    row = json.loads(line)
                    self._rows[row["output"]] = row
                except (ValueError, KeyError, TypeError):
                    continue

    def done(self, target: Path, input_sha256: str, settings: str) -> bool:
        """Whether *target* was made from this input with these settings and is whole."""
        row = self._rows.get(self._key(target))
        made_from = row and (row.get("input_sha256"), row.get("settings"))
        if row is None or made_from != (input_sha256, settings):
            return False
        try:
            return sha256(target.read_bytes()) == row.get("output_sha256")
        except OSError:
            return False

    def add(self, target: Path, row: dict[str, Any]) -> None:
        """Append the line of a finished output and force it to disk."""
        row = {"output": self._key(target), **row}
        # Plain ASCII: names may hold line separators, or bytes that are no text at all.
        line = json.dumps(row, default=str) + "\n"
        with self._lock:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with self.path.open("a+b") as file:
                    # A crash may have cut the last line; the next must not be glued to it.
                    if file.seek(0, os.SEEK_END):
                        file.seek(-1, os.SEEK_END)
                        if file.read(1) != b"\n":
                            file.write(b"\n")
                    file.write(line.encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise OutputError(
                    f"cannot write the manifest {str(self.path)!r}: {error.strerror}",
                    "check free space and permissions of the output folder",
                ) from None
            self._rows[row["output"]] = row

    def _key(self, target: Path) -> str:
        try:
            return target.relative_to(self.folder).as_posix()
        except ValueError:
            return str(target)
