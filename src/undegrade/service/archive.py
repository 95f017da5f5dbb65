"""A ZIP file that is sent while it is made: nothing of it is ever kept."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 18


@dataclass(frozen=True)
class Member:
    """One file of an archive."""

    name: str
    path: Path


class _Sink:
    """A file that cannot seek; what is written to it is taken away soon."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def stream(members: Sequence[Member]) -> Iterator[bytes]:
    """The archive in pieces. Pictures are stored as they are: they are compressed already.

    A file that is deleted meanwhile is left out.
    """
    sink = _Sink()
    now = time.localtime()[:6]
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for member in members:
            with suppress(FileNotFoundError), member.path.open("rb") as source:
                info = zipfile.ZipInfo(member.name, date_time=now)
                with archive.open(info, "w", force_zip64=True) as target:
                    while data := source.read(CHUNK):
                        target.write(data)
                        yield sink.take()
    yield sink.take()
