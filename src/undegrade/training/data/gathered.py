"""What became of each picture, noted as soon as it is done, so that a run can go on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from undegrade.errors import InputError, OutputError, UsageError
from undegrade.training.data.reduction import Reduction

JOURNAL = "gathered.jsonl"

REASONS = frozenset({"absent", "unreadable", "transparent", "small", "noisy", "double", "leak"})
"""Why pictures are left out that the table means to be in; absent ones a partial clone lacks."""


@dataclass(frozen=True)
class Row:
    """What became of one picture."""

    collection: str
    path: str
    """Inside its repository."""
    blob: str
    """Name of its content there."""
    commit: str
    """Of the repository, in which it was found."""
    image: str = ""
    """File in the output folder; empty if it was left out."""
    why: str = ""
    """One word for why it was left out: one of :data:`REASONS`, or the table's own."""
    what: str = ""
    """The same in a sentence, where there is more to say."""
    width: int = 0
    height: int = 0
    factor: float = 0.0
    noise: float = 0.0
    whole: str = ""
    """Hash of all of it, hexadecimal."""
    thumb: str = ""
    """Its reduction to 32 x 32, hexadecimal."""

    def without(self, why: str, what: str = "") -> Row:
        """The same picture, left out."""
        return replace(self, image="", why=why, what=what)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells a picture from all others."""
        return self.collection, self.path, self.blob


class Journal:
    """The file to which every picture that is done adds a line; its first one tells settings."""

    def __init__(self, path: Path, how: Reduction) -> None:
        self.path, self.how = path, how

    def __enter__(self) -> Journal:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = self.path.read_bytes() if self.path.exists() else b""
            self.file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise _unwritable(self.path, error) from None
        if before and not before.endswith(b"\n"):  # cut off within a line
            self.file.write("\n")
        if not any(_lines(before.decode("utf-8", "replace"))):
            self._line({"settings": asdict(self.how)})
        return self

    def add(self, row: Row) -> None:
        self._line(asdict(row))

    def _line(self, values: Mapping[str, Any]) -> None:
        try:
            self.file.write(json.dumps(values, ensure_ascii=False) + "\n")
            self.file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def __exit__(self, *_: object) -> None:
        self.file.close()


def resumed(output: Path, how: Reduction) -> dict[tuple[str, str, str], Row]:
    """What earlier runs did, and what of it is still there."""
    path = output / JOURNAL
    try:
        text = path.read_text("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {str(path)!r}: {error}", "remove it to begin anew") from None
    done = {}
    for number, values in enumerate(_lines(text)):
        if number == 0:
            if values.get("settings") != asdict(how):
                raise UsageError(
                    f"{str(output)!r} was made with the settings {values.get('settings')}",
                    "use the same, or another folder",
                )
            continue
        try:
            row = Row(**values)
        except TypeError:
            continue
        # What a clone lacked may be there now, and files may have been removed.
        if row.why != "absent" and (not row.image or (output / row.image).is_file()):
            done[row.key] = row
        else:
            done.pop(row.key, None)
    return done


def _lines(text: str) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines; a line that a full disk or a kill cut off is none."""
    for line in text.splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(values, dict):
            yield values


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {str(path)!r}: {error.strerror or error}", "choose another")
