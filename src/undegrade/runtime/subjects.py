"""What a photo shows that everybody knows by heart, faces and text: invention is seen there.

So a vivid network gives way to the faithful one, softly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias
from weakref import ReferenceType, ref

import numpy as np

from undegrade.imaging.arrays import Bytes, Doubles, Floats
from undegrade.picture import Picture, to_pil

REACH = 0.5
"""Share of its shorter side over which the faithful weights fade out beyond a region."""
LONGEST = 768
"""Longer sides are reduced to this: what is smaller in such a copy takes no share of the photo."""
SHORT = 512
"""Photos without a longer side are enlarged twice: the cascades know faces from 20 pixels on."""
LEAST_FACE = 24
"""Side of the smallest face that is looked for in the copy, in pixels."""
NEIGHBOURS = 4
"""Windows that must agree on a face. A tile of leaves taken for one is only drawn faithfully."""

Corners: TypeAlias = Doubles
"""Of boxes, (N, 4, 2): x and y in pixels, one after the other around each."""
Find = Callable[[Bytes], Corners]
"""From (H, W, 3) sRGB to what is seen."""


@dataclass(frozen=True)
class Region:
    """Part of a photo, in pixels, and what is to be seen there."""

    kind: str
    """``face`` or ``text``."""
    x: int
    y: int
    width: int
    height: int

    @property
    def reach(self) -> float:
        """How far beyond it the faithful weights fade out, in pixels."""
        return REACH * min(self.width, self.height)

    def moved(self, right: int, down: int) -> Region:
        """The same region of a photo that begins so many pixels farther *right* and *down*."""
        return replace(self, x=self.x - right, y=self.y - down)

    def scaled(self, scale: int) -> Region:
        """The same region of the photo enlarged *scale* times."""
        sides = (scale * side for side in (self.x, self.y, self.width, self.height))
        return Region(self.kind, *sides)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return dict(vars(self))


def near(regions: Sequence[Region], rows: slice, columns: slice) -> list[Region]:
    """Those of *regions* that reach into a part of the output."""
    return [
        one
        for one in regions
        if rows.start < one.y + one.height + one.reach
        and one.y - one.reach < rows.stop
        and columns.start < one.x + one.width + one.reach
        and one.x - one.reach < columns.stop
    ]


def share_of(regions: Sequence[Region], rows: slice, columns: slice) -> Floats:
    """The faithful network's share in a part of the output, (h, w) in [0, 1].

    1 within a region, and falling to 0 beyond along a cosine. It follows from the place alone, so
    that tiles agree.
    """
    share: Floats = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    for one in regions:
        down = _beyond(rows, one.y, one.height) / np.float32(one.reach)
        right = _beyond(columns, one.x, one.width) / np.float32(one.reach)
        away = np.minimum(np.hypot(down[:, None], right[None]), np.float32(1))
        np.maximum(share, (1 + np.cos(np.float32(np.pi) * away)) / 2, out=share)
    return share


def _beyond(pixels: slice, start: int, length: int) -> Floats:
    """How far each pixel of a line lies outside of a region, in pixels."""
    centres = np.arange(pixels.start, pixels.stop, dtype=np.float32) + np.float32(0.5)
    return np.maximum(np.maximum(start - centres, centres - start - length), np.float32(0))


@dataclass(frozen=True)
class Seen:
    """What of a photo detail is kept away from."""

    regions: tuple[Region, ...] = ()
    kinds: tuple[str, ...] = ()
    """What was looked for."""
    notes: tuple[str, ...] = ()
    """How much was found, and what could not be looked for."""


class Subjects:
    """Finds faces and text, by whatever is installed; may be called from several threads.

    A finder that is missing, or fails, is a note.

    Parameters
    ----------
    finders: what finds each kind of :data:`SUBJECTS`, in place of what is installed.
    """

    def __init__(self, finders: Mapping[str, Find] | None = None) -> None:
        installed = {
            kind: _when_called(subject.open)
            for kind, subject in SUBJECTS.items()
            if find_spec(subject.package)
        }
        self.finders = installed if finders is None else finders
        self._lock = threading.Lock()
        self._last: tuple[ReferenceType[Picture], Seen] | None = None

    def __call__(self, picture: Picture) -> Seen:
        """What *picture* shows; of the last picture it is remembered."""
        with self._lock:
            if self._last is None or self._last[0]() is not picture:
                self._last = ref(picture), self._look(picture)
            return self._last[1]

    def _look(self, picture: Picture) -> Seen:
        pixels = _copy(picture)
        sides = np.array([picture.width / pixels.shape[1], picture.height / pixels.shape[0]])
        regions: list[Region] = []
        counts, notes = [], []
        for kind, subject in SUBJECTS.items():
            one, several = subject.words
            why, corners = "", None
            try:
                if kind in self.finders:
                    corners = self.finders[kind](pixels)
            except Exception as error:  # whatever a foreign package may raise is no reason to stop
                why = " ({})".format(str(error).partition("\n")[0])
            if corners is None:
                notes.append(
                    f"{several} get detail like all else, for nothing here finds them{why}: "
                    f'pip install "undegrade[{subject.extra}]"'
                )
                continue
            found = [_region(kind, box * sides) for box in _distinct(corners)]
            regions += found
            if found:
                counts.append(f"{len(found)} {one if len(found) == 1 else several}")
        if counts:
            told = " and ".join(counts)
            notes.insert(0, f"kept faithful: {told}, unless detail is asked for everywhere")
        return Seen(tuple(regions), tuple(self.finders), tuple(notes))


def _copy(picture: Picture) -> Bytes:
    """*picture* in a size in which subjects are looked for, (H, W, 3)."""
    image = to_pil(replace(picture, alpha=None))
    if max(image.size) > LONGEST:
        image.thumbnail((LONGEST, LONGEST))
    elif max(image.size) < SHORT:
        image = image.resize((2 * image.width, 2 * image.height))
    return np.asarray(image.convert("RGB"))


def _distinct(corners: Corners) -> list[Doubles]:
    """Upright boxes, from and to (2, 2), but those whose middle lies within a larger one.

    They are the same thing, seen twice.
    """
    kept: list[Doubles] = []
    boxes = [np.stack([one.min(0), one.max(0)]) for one in corners]
    for box in sorted(boxes, key=lambda box: -float((box[1] - box[0]).prod())):
        middle = box.mean(0)
        if not any((one[0] <= middle).all() and (middle < one[1]).all() for one in kept):
            kept.append(box)
    return kept


def _region(kind: str, box: Doubles) -> Region:
    (x, y), (width, height) = np.rint(box[0]), np.maximum(np.rint(box[1] - box[0]), 1)
    return Region(kind, int(x), int(y), int(width), int(height))


def _when_called(open_: Callable[[], Find]) -> Find:
    """A finder that is opened when it is first called."""
    opened = cache(open_)
    return lambda pixels: opened()(pixels)


def face_finder() -> Find:
    """The cascades of OpenCV 4 (Viola and Jones, CVPR 2001): faces from the front and the sides.

    Raises ``ImportError`` or ``AttributeError`` without OpenCV, or with one that has no cascades.
    """
    cv2: Any = import_module("cv2")
    folder = Path(cv2.data.haarcascades)
    names = ("haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml")
    frontal, profile = (cv2.CascadeClassifier(str(folder / name)) for name in names)

    def find(pixels: Bytes) -> Corners:
        grey = cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))

        def seen(cascade: Any, view: Any) -> Doubles:
            least = (LEAST_FACE, LEAST_FACE)
            boxes = cascade.detectMultiScale(view, 1.1, NEIGHBOURS, minSize=least)
            start, size = np.split(np.array(boxes, float).reshape(-1, 4), 2, axis=1)
            return np.stack([start, start + size], 1)

        turned = seen(profile, np.ascontiguousarray(grey[:, ::-1]))
        turned[..., 0] = grey.shape[1] - turned[..., 0]
        return np.concatenate([seen(frontal, grey), seen(profile, grey), turned])

    return find


def text_finder(**options: Any) -> Find:
    """The detector of PP-OCR (Du et al., "PP-OCRv4", 2023) in ``rapidocr-onnxruntime``.

    *options* are those of its ``RapidOCR``. Raises ``ImportError`` without the package.
    """
    reader: Any = import_module("rapidocr_onnxruntime").RapidOCR(**options)

    def find(pixels: Bytes) -> Corners:
        found, _ = reader(pixels[..., ::-1], use_det=True, use_cls=False, use_rec=False)
        return np.array(found if found is not None else [], float).reshape(-1, 4, 2)

    return find


@dataclass(frozen=True)
class Subject:
    """What detail is kept away from."""

    words: tuple[str, str]
    """One, and several."""
    package: str
    """Whose finder it is."""
    extra: str
    """Of ours, which brings it."""
    open: Callable[[], Find]


SUBJECTS: Mapping[str, Subject] = {
    "face": Subject(("face", "faces"), "cv2", "faces", face_finder),
    "text": Subject(
        ("line of text", "lines of text"),
        "rapidocr_onnxruntime",
        "detect",
        # By itself it enlarges whatever is narrow, a panorama beyond all bounds on memory.
        partial(text_finder, det_limit_type="max"),
    ),
}
