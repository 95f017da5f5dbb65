"""What a worker can do with a photo; runs in the worker's process only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from undegrade.batch.run import Writing, encoded
from undegrade.catalog import Catalog
from undegrade.diagnosis import Diagnosis, open_diagnoser
from undegrade.enhancer import Enhancer
from undegrade.picture import (
    Picture,
    decode,
    default_format,
    encode,
    format_of,
    losses,
)
from undegrade.plan import Wishes
from undegrade.service.part import Box, cut, enhance_part
from undegrade.service.rendering import rendered

Head = dict[str, Any]

CACHED = 200_000_000
"""Bytes of pixels that stay decoded; the latest photo stays whatever its size."""
DIAGNOSES = 256
"""Photos whose diagnosis is remembered."""
DETAILS = 4
"""Settings of the detail dial for which networks stay open, each mixed anew."""

SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2", "HEIF": "heic"}
"""Where a format's suffix is not its name in small letters."""


class _Named(BytesIO):
    """A photo's bytes under a name for messages; its path is nobody's business."""

    name = "the photo"


class Engine:
    """Networks and photos that stay open from one task to the next; for one thread.

    Parameters
    ----------
    threads: inside a network.
    max_megapixels: of photos.
    """

    def __init__(self, threads: int, max_megapixels: float) -> None:
        self._max_megapixels = max_megapixels
        catalog = Catalog()
        self._look = open_diagnoser(catalog, threads)
        self._fresh = Enhancer(threads=threads, max_megapixels=max_megapixels, catalog=catalog)
        self._kept = replace(self._fresh, _open={})
        self._details: set[float] = set()
        self._pictures: dict[str, Picture] = {}
        self._found: dict[str, Diagnosis] = {}

    def forget(self) -> None:
        """Let go of decoded photos; networks stay open."""
        self._pictures.clear()

    def forget_deleted(self) -> None:
        """Let go of whatever is known of photos whose files are gone."""
        for path in [path for path in (self._pictures | self._found) if not Path(path).exists()]:
            self._pictures.pop(path, None)
            self._found.pop(path, None)

    def open(self, path: str, wishes: Head) -> Head:
        """Decode, diagnose and plan.

        Raises
        ------
        InputError, LimitError: see :func:`undegrade.picture.decode`.
        """
        picture, found = self._picture(path), self._diagnosis(path)
        return {
            "width": picture.width,
            "height": picture.height,
            "format": picture.encoding.format,
            "diagnosis": found.as_dict() | {"words": list(found.words)},
            "plan": self.plan(path, wishes),
            "notes": list(picture.notes),
        }

    def plan(self, path: str, wishes: Head) -> Head:
        """What would be done, and what it would take."""
        plan = self._enhancer(path, wishes).forecast(self._picture(path)).as_dict()
        del plan["found"]
        return plan | {"unchanged": not plan["steps"]}

    def preview(self, path: str, wishes: Head, box: Box) -> bytes:
        """A PNG of what becomes of *box*, by the diagnosis of the whole photo."""
        enhancer, found = self._enhancer(path, wishes), self._diagnosis(path)
        return _png(enhance_part(enhancer, self._picture(path), found, box))

    def view(self, path: str, side: int) -> tuple[bytes, str]:
        """The whole photo for a browser, at most *side* pixels a side; see :mod:`.rendering`."""
        return rendered(self._picture(path), side)

    def crop(self, path: str, box: Box) -> bytes:
        """A PNG of the pixels in *box*, with their profile."""
        picture = self._picture(path)
        return _png(cut(picture, box.within(picture)))

    def enhance(
        self,
        path: str,
        wishes: Head,
        output: Head,
        target: str,
        progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> Head:
        """Enhance the photo into the file *target*; returns the report and what was written.

        Raises
        ------
        Cancelled: it was asked for; UndegradeError: see :class:`undegrade.Enhancer`.
        OutputError: a picture that the format cannot hold. OSError: no room.
        """
        picture = self._picture(path)
        result = self._enhancer(path, wishes)(picture, progress, cancelled)
        format = format_of(f"photo.{output['format']}") if output["format"] else None
        writing = Writing(output["quality"], output["strip"])
        data = encoded(result, Path(path).read_bytes(), format, writing)
        with Path(target).open("xb") as file:  # nobody is told of it before it is whole
            file.write(data)
        report = result.as_dict()
        report["notes"] += losses(result.picture, format)
        # An untouched photo is copied, in whatever format it came.
        copied = result.unchanged and format is None and writing == Writing()
        kind = format or (picture.encoding.format if copied else default_format(picture))
        return {"report": report, "bytes": len(data), "suffix": SUFFIXES.get(kind, kind.lower())}

    def _picture(self, path: str) -> Picture:
        """The decoded photo, which becomes the latest in the cache."""
        picture = self._pictures.pop(path, None)
        if picture is None:
            source = _Named(Path(path).read_bytes())
            picture = decode(source, max_megapixels=self._max_megapixels)
        self._pictures[path] = picture
        while len(self._pictures) > 1 and sum(map(_bytes_of, self._pictures.values())) > CACHED:
            del self._pictures[next(iter(self._pictures))]
        return picture

    def _diagnosis(self, path: str) -> Diagnosis:
        found = self._found.get(path)
        if found is None:
            found = self._found[path] = self._look(self._picture(path))
            if len(self._found) > DIAGNOSES:
                del self._found[next(iter(self._found))]
        return found

    def _enhancer(self, path: str, wishes: Head) -> Enhancer:
        """An enhancer for *wishes* that knows the photo's diagnosis and shares open networks."""
        asked = Wishes(**wishes)
        if asked.detail not in self._details and len(self._details) >= DETAILS:
            self._details.clear()
            self._kept = replace(self._fresh, _open={})
        self._details.add(asked.detail)
        picture, found = self._picture(path), self._diagnosis(path)
        return replace(
            self._kept,
            wishes=asked,
            look=lambda seen: found if seen is picture else self._look(seen),
        )


def _bytes_of(picture: Picture) -> int:
    return int(picture.pixels.nbytes)


def _png(picture: Picture) -> bytes:
    return encode(picture, format="PNG", strip=True)
