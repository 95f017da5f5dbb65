"""What a worker can do with a photo; runs in the worker's process only."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from undegrade.diagnosis import Diagnosis, open_diagnoser
from undegrade.enhancer import Enhancer
from undegrade.parts import Box, cut
from undegrade.picture import Picture, decode, encode, format_of, pages, to_pil
from undegrade.picture.colour import in_srgb
from undegrade.plan import Plan, Wishes
from undegrade.runtime import Networks
from undegrade.work import Order, work

Head = dict[str, Any]
Shown = tuple[Head, bytes]
"""The media ``type`` of a picture's file, and the file."""

CACHED = 200_000_000
"""Bytes of pixels that stay decoded; the latest photo stays whatever its size."""
DIAGNOSES = 256
"""Photos whose diagnosis is remembered."""
NAME = "the photo"
"""What messages call it; its path is nobody's business."""

QUALITY = 88
"""Of what browsers are shown."""

SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2", "HEIF": "heic"}
"""Where a format's suffix is not its name in small letters."""


class Workbench:
    """Networks and photos that stay open from one task to the next; for one thread.

    *threads* are those inside a network. Photos have at most *max_megapixels*, and are named by the
    paths of their files, and the frame or page that counts, if any.
    """

    TASKS = frozenset({"open", "plan", "preview", "view", "crop", "enhance"})
    """Methods that the service may ask for by name."""

    def __init__(self, threads: int, max_megapixels: float) -> None:
        self._max_megapixels = max_megapixels
        networks = Networks(threads=threads)
        self._enhancer = Enhancer(networks, open_diagnoser(networks.catalog, threads))
        self._pictures: dict[str, Picture] = {}
        self._found: dict[str, Diagnosis] = {}
        self._planned: tuple[Any, Plan] | None = None

    def forget(self) -> None:
        """Let go of decoded photos; networks stay open."""
        self._pictures.clear()

    def forget_deleted(self) -> None:
        """Let go of whatever is known of photos whose files are gone."""
        for path in [path for path in (self._pictures | self._found) if not Path(path).exists()]:
            self._pictures.pop(path, None)
            self._found.pop(path, None)

    def open(self, path: str, wishes: Head, frame: int | None = None) -> Head:
        """Decode, diagnose and plan; raises as :func:`undegrade.picture.decode` does."""
        picture, found = self._picture(path, frame), self._diagnosis(path, frame)
        return {
            "width": picture.width,
            "height": picture.height,
            "format": picture.encoding.format,
            "diagnosis": found.as_dict() | {"words": list(found.words)},
            "plan": self.plan(path, wishes, frame),
            "notes": list(picture.notes),
        }

    def plan(self, path: str, wishes: Head, frame: int | None = None) -> Head:
        """What would be done, and what it would take."""
        picture, plan = self._picture(path, frame), self._plan(path, wishes, frame)
        told = self._enhancer.forecast(picture, plan, file=Path(path).stat().st_size).as_dict()
        del told["found"]
        return told | {"unchanged": not plan.steps}

    def preview(self, path: str, wishes: Head, box: Head, frame: int | None = None) -> Shown:
        """A PNG of what becomes of *box*, by the diagnosis of the whole photo."""
        plan = self._plan(path, wishes, frame)
        return _png(self._enhancer.part(self._picture(path, frame), plan, Box(**box)))

    def view(self, path: str, side: int, frame: int | None = None) -> Shown:
        """The photo as any browser shows it: upright, 8 bit, sRGB, at most *side* pixels a side.

        JPEG, or WebP where there is transparency.
        """
        picture = self._picture(path, frame)
        image = to_pil(picture)
        factor = side / max(image.size)
        if factor < 1:
            width, height = (max(1, round(length * factor)) for length in image.size)
            image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
        if not picture.colour.is_srgb:
            # Clipped, as a browser without colour management would do, too.
            shown = Image.fromarray(in_srgb(np.asarray(image.convert("RGB")), picture.colour))
            if "A" in image.getbands():
                shown.putalpha(image.getchannel("A"))
            image = shown
        image.info.clear()
        out = BytesIO()
        if picture.alpha is None:
            image.save(out, "JPEG", quality=QUALITY, subsampling=0)
            return {"type": "image/jpeg"}, out.getvalue()
        image.save(out, "WEBP", quality=QUALITY, method=2)
        return {"type": "image/webp"}, out.getvalue()

    def crop(self, path: str, box: Head, frame: int | None = None) -> Shown:
        """A PNG of the pixels in *box*, with their profile."""
        picture = self._picture(path, frame)
        return _png(cut(picture, Box(**box).within(picture)))

    def enhance(
        self,
        path: str,
        wishes: Head,
        output: Head,
        target: str,
        progress: Callable[[float], None],
        cancelled: Callable[[], bool],
        frame: int | None = None,
    ) -> Head:
        """Enhance the photo into the file *target*; returns the report and what was written.

        Raises
        ------
        Cancelled: it was asked for; UndegradeError: see :class:`undegrade.Enhancer`.
        OutputError: a picture that the format cannot hold. OSError: no room.
        """
        order = Order(
            Wishes(**wishes),
            format_of(f"photo.{output['format']}") if output["format"] else None,
            output["quality"],
            output["strip"],
            self._max_megapixels,
            output["mark"],
            frame,
        )
        data = Path(path).read_bytes()
        whole = frame is None and pages(data, NAME) > 1  # every page is looked at for itself
        done = work(
            self._enhancer,
            data,
            NAME,
            order,
            picture=None if whole else self._picture(path, frame),
            found=None if whole else self._diagnosis(path, frame),
            progress=progress,
            cancelled=cancelled,
        )
        with Path(target).open("xb") as file:  # nobody is told of it before it is whole
            file.write(done.data)
        suffix = SUFFIXES.get(done.format, done.format.lower())
        return {"report": done.report, "bytes": len(done.data), "suffix": suffix}

    def _picture(self, path: str, frame: int | None) -> Picture:
        """The decoded photo, or the first of its pages, which becomes the latest in the cache."""
        picture = self._pictures.pop(path, None)
        if picture is None:
            data, limit = Path(path).read_bytes(), self._max_megapixels
            shown = 1 if frame is None and pages(data, NAME) > 1 else frame
            picture = decode(data, name=NAME, frame=shown, max_megapixels=limit)
        self._pictures[path] = picture
        while len(self._pictures) > 1 and sum(map(_bytes_of, self._pictures.values())) > CACHED:
            del self._pictures[next(iter(self._pictures))]
        return picture

    def _diagnosis(self, path: str, frame: int | None) -> Diagnosis:
        found = self._found.get(path)
        if found is None:
            found = self._found[path] = self._enhancer.diagnose(self._picture(path, frame))
            if len(self._found) > DIAGNOSES:
                del self._found[next(iter(self._found))]
        return found

    def _plan(self, path: str, wishes: Head, frame: int | None) -> Plan:
        """The plan, kept for the previews that follow its being shown."""
        key = path, frame, wishes
        if self._planned is None or self._planned[0] != key:
            picture, found = self._picture(path, frame), self._diagnosis(path, frame)
            self._planned = key, self._enhancer.plan(picture, Wishes(**wishes), found)
        return self._planned[1]


def _bytes_of(picture: Picture) -> int:
    return int(picture.pixels.nbytes)


def _png(picture: Picture) -> Shown:
    return {"type": "image/png"}, encode(picture, format="PNG", strip=True)
