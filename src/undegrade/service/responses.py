"""Answers that are more than JSON: problems, reports, archives; and names of files.

A name that comes from a client is cleaned, and never used for a file of ours.
"""

from __future__ import annotations

import json
import time
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from undegrade.service.problems import MEDIA_TYPE, Problem

SANDBOX = "default-src 'none'; sandbox"
"""For files of strangers: whatever a browser takes them for, nothing in them may run."""

TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "tif": "image/tiff",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "jp2": "image/jp2",
}
"""Media types by suffix; anything else is just bytes."""

LONGEST = 100
RESERVED = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10)}
)
"""Names that are devices on Windows, whatever their suffix."""
MARK = "-enhanced"
CHUNK = 1 << 18


def problem_response(problem: Problem, path: str) -> Response:
    """The document for *problem*, met on the way to *path*."""
    return Response(
        json.dumps(problem.as_dict(path)),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def report_header(report: dict[str, Any]) -> str:
    """A report short enough for a header: proxies allow some 4 kB."""
    brief = {key: value for key, value in report.items() if key != "pages"}
    for key in ("found", "left"):
        if isinstance(found := brief.get(key), dict):
            brief[key] = [
                finding["words"]
                for finding in found.values()
                if isinstance(finding, dict) and finding.get("found")
            ]
    return json.dumps(brief)


def clean(name: str) -> str:
    """A client's name of a file, safe as a name of a file anywhere; ``photo`` if nothing is left.

    Only what stands behind the last slash or backslash, without control, invisible and
    direction-changing characters, without what file systems or HTML take for their own, without
    dots and blanks at the ends, not too long.
    """
    name = name.replace("\\", "/").rpartition("/")[2]
    kept = (
        character
        for character in unicodedata.normalize("NFC", name)
        if unicodedata.category(character)[0] != "C" and character not in "<>:\"|?*&%'`;"
    )
    cleaned = " ".join("".join(kept).split()).strip(". ")
    stem, dot, suffix = cleaned.rpartition(".")
    if dot and len(suffix) <= 5:
        cleaned = f"{stem[: LONGEST - len(suffix) - 1].rstrip('. ')}.{suffix}"
    cleaned = cleaned[:LONGEST].strip(". ")
    if not cleaned or cleaned.split(".")[0].lower() in RESERVED:
        return "photo"
    return cleaned


def result_name(name: str | None, suffix: str) -> str:
    """What the result of the photo *name* is called."""
    stem, dot, _ = (name or "photo").rpartition(".")
    return f"{stem if dot else name or 'photo'}{MARK}.{suffix}"


def attachment(name: str) -> str:
    """A Content-Disposition that saves under *name* (RFC 6266, RFC 8187)."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("\\", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def distinct(names: Iterable[str]) -> list[str]:
    """The names, with numbers where one comes again: members of one archive."""
    used: set[str] = set()
    out = []
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        stem, ending = (stem, f".{suffix}") if dot else (name, "")
        candidate, number = name, 2
        while candidate.lower() in used:
            candidate, number = f"{stem}-{number}{ending}", number + 1
        used.add(candidate.lower())
        out.append(candidate)
    return out


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


def archive(members: Sequence[tuple[str, Path]]) -> Iterator[bytes]:
    """A ZIP file of names and files in pieces, sent while it is made: nothing of it is kept.

    Pictures are stored as they are: they are compressed already. A file that is deleted meanwhile
    is left out.
    """
    sink = _Sink()
    now = time.localtime()[:6]
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as made:  # type: ignore[call-overload]
        for name, path in members:
            with suppress(FileNotFoundError), path.open("rb") as source:
                info = zipfile.ZipInfo(name, date_time=now)
                with made.open(info, "w", force_zip64=True) as target:
                    while data := source.read(CHUNK):
                        target.write(data)
                        yield sink.take()
    yield sink.take()
