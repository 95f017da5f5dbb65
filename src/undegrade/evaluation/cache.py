"""Values already measured, kept as lines of JSON, so that a run that was killed goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from undegrade.errors import OutputError

Key: TypeAlias = tuple[str, str, str, str]
"""Digest of the model, protocol and setting in words, digest of the image, metric."""

FILE = "values.jsonl"


@dataclass
class Cache:
    """Values by what they depend on; *folder* ``None`` keeps them for this run only.

    The code is not part of the key but by the version of undegrade, which the protocol's words
    hold: whoever changes a metric should take another folder.
    """

    folder: Path | None = None
    _values: dict[Key, float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            text = (self.folder / FILE).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refusal(error) from None
        self._values.update(entry for line in text.splitlines() if (entry := _parsed(line)))
        if text and not text.endswith("\n"):
            self._append("\n")  # what follows a torn line must not be torn with it

    def get(self, key: Key) -> float | None:
        """The value, ``None`` where there is none yet."""
        return self._values.get(key)

    def put(self, key: Key, value: float) -> None:
        """Keep a value; it is on its way to the disk when this returns."""
        self._values[key] = value
        # Floats in words: strict JSON has no infinity.
        self._append(json.dumps([*key, repr(value)]) + "\n")

    def _append(self, text: str) -> None:
        if self.folder is None:
            return
        try:
            with (self.folder / FILE).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot keep values in {str(self.folder)!r}: {error.strerror}",
            "choose another folder with --cache",
        )


def _parsed(line: str) -> tuple[Key, float] | None:
    """A line's key and value; ``None`` for one that was torn or is no such line."""
    try:
        model, protocol, image, metric, value = map(str, json.loads(line))
        return (model, protocol, image, metric), float(value)
    except (ValueError, TypeError):
        return None
