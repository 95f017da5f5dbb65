"""Names of files that come from clients: cleaned, and never used for a file of ours."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

LONGEST = 100
RESERVED = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10)}
)
"""Names that are devices on Windows, whatever their suffix."""
MARK = "-enhanced"


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
