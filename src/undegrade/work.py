"""One photo: its bytes and an order in, bytes and a report out, or a failure with its kind.

Files, object stores and HTTP are transports: they bring the bytes here, and take them on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from undegrade.diagnosis import NAME, Diagnosis
from undegrade.enhancer import MAX_MEGAPIXELS, Enhancer, Progress, Result
from undegrade.errors import Cancelled, InputError, LimitError, UndegradeError, UsageError
from undegrade.picture import (
    Picture,
    byte_limit,
    decode,
    default_format,
    encode_pages,
    losses,
    pages,
)
from undegrade.plan import Wishes, model_names
from undegrade.runtime import Networks
from undegrade.runtime.subjects import Subjects


@dataclass(frozen=True)
class Order:
    """What is to become of a photo, and how it is written.

    Raises
    ------
    UsageError: a quality or a limit that is not possible.
    """

    wishes: Wishes = field(default_factory=Wishes)
    format: str | None = None
    """As :func:`undegrade.picture.format_of` names it; ``None`` is the photo's own."""
    quality: int | None = None
    """Of lossy formats; ``None`` is as the photo has it, or finer."""
    strip: bool = False
    """Whether EXIF, XMP and IPTC are left out."""
    max_megapixels: float = MAX_MEGAPIXELS
    """Pictures above are refused before they are decoded."""
    mark: bool = True
    """Whether the file of an enhanced photo says so, and by what it was done."""
    frame: int | None = None
    """Of an animation, or the page of a TIFF, from 1; ``None`` is all pages of a TIFF."""

    def __post_init__(self) -> None:
        whole = isinstance(self.quality, int)
        if self.quality is not None and not (whole and 1 <= self.quality <= 100):
            raise UsageError(
                f"a quality of {self.quality!r} is not possible",
                "choose a whole number from 1 to 100",
            )
        byte_limit(self.max_megapixels)

    def copies(self, format: str) -> bool:
        """Whether a file of *format* that is left alone is what was ordered; no raw photo is."""
        as_it_is = self.quality is None and not self.strip and self.frame is None
        return as_it_is and self.format in (None, format) and format != "RAW"

    def digest(self, networks: Networks) -> str:
        """A short hash of everything but the input that decides an output.

        Of the wishes, of how it is written, and of all weights that may be run.
        """
        catalog, wishes = networks.catalog, self.wishes
        # A step whose model is missing is left out. What is found decides what is done, so the
        # network that diagnoses counts, too.
        names = [NAME] if wishes.model else [*model_names(wishes), NAME]
        used = [networks.find(wishes.model)] if wishes.model else []
        used += [catalog.models[name] for name in names if name in catalog.models]
        if wishes.effort == "fast":
            used += [fast for model in list(used) if (fast := catalog.fast_of(model))]
        seen: list[str] = []
        if wishes.detail:
            seen += [] if wishes.detail_everywhere else sorted(Subjects().finders)
            finds = catalog.vivid_of, catalog.restored_vivid_of
            used += [vivid for model in list(used) for one in finds if (vivid := one(model))]
        decisive = {
            "wishes": wishes.as_dict(),
            "quality": self.quality,
            "strip": self.strip,
            "mark": self.mark,
            "frame": self.frame,
            "precision": networks.precision,
            "kept faithful": seen,
            "weights": [catalog.sha256(model) for model in used],
        }
        return sha256(json.dumps(decisive, sort_keys=True, default=str).encode())[:16]


@dataclass(frozen=True)
class Done:
    """A photo that is ready to be written."""

    data: bytes
    """A whole file."""
    format: str
    """Of the file."""
    report: dict[str, Any]
    """What was found, the steps, what is left, and what could not be kept: plain data."""
    copied: bool = False
    """Whether the file is the input's, byte for byte."""

    @property
    def status(self) -> Literal["enhanced", "unchanged"]:
        """Whether anything had to be done."""
        return "unchanged" if self.report["unchanged"] else "enhanced"


class Elsewhere(Protocol):
    """Another machine that does the work; see :class:`undegrade.client.Server`."""

    def work(
        self,
        data: bytes,
        name: str,
        order: Order,
        *,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
    ) -> Done:
        """As :func:`work` does it."""

    def digest(self, order: Order) -> str:
        """As :meth:`Order.digest`."""


def work(
    enhancer: Enhancer | Elsewhere,
    data: bytes,
    name: str,
    order: Order,
    *,
    picture: Picture | None = None,
    found: Diagnosis | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Done:
    """Enhance the photo in the file *data*, called *name* in messages, as *order* wants it.

    A photo that is left alone comes out byte for byte. Every page of a TIFF is enhanced for itself,
    in one TIFF again: the report is that of the first page on which anything was done, and its
    ``pages`` has them all.

    Parameters
    ----------
    picture, found: *data* decoded, and what it has lost, where that is known already.
    progress: called with the part done, 0 to 1.
    cancelled: asked between tiles, and once the work is done.

    Raises
    ------
    Exception: :func:`failure_of` says what it means for the photo.
    """
    if not isinstance(enhancer, Enhancer):
        return enhancer.work(data, name, order, progress=progress, cancelled=cancelled)
    started = time.perf_counter()
    whole = picture is None and order.frame is None and order.format in (None, "TIFF")
    count = pages(data, name) if whole else 1
    results: list[Result] = []
    for number in range(1, count + 1):
        part = (lambda done: progress((len(results) + done) / count)) if progress else None
        if picture is None or count > 1:
            frame = number if count > 1 else order.frame
            picture = decode(data, name=name, frame=frame, max_megapixels=order.max_megapixels)
        plan = enhancer.plan(picture, order.wishes, found)
        results.append(enhancer.run(picture, plan, progress=part, cancelled=cancelled))
        if progress and count > 1:
            progress(number / count)
    assert picture is not None
    telling = next((index for index, one in enumerate(results) if one.steps), 0)
    result, own = results[telling], picture.encoding.format
    copied = result.unchanged and order.copies(own)
    if copied:
        format = own
    elif count > 1:
        format = own
        mark = result.mark if order.mark else None
        data = encode_pages([one.picture for one in results], strip=order.strip, mark=mark)
    else:
        format = order.format or default_format(result.picture)
        data = result.encode(
            format=format, quality=order.quality, strip=order.strip, mark=order.mark
        )
    if cancelled and cancelled():
        raise Cancelled
    reports = [one.as_dict() for one in results]
    if not copied:
        for each, one in zip(reports, results, strict=True):
            each["notes"] += losses(one.picture, format)
    report = dict(reports[telling])
    if count > 1:
        notes = [f"page {at}: {note}" for at, one in enumerate(reports, 1) for note in one["notes"]]
        report |= {"notes": [] if copied else notes, "pages": reports}
    elif copied:
        # What reading could not keep stays in the file all the same.
        report["notes"] = list(plan.notes)
    report["seconds"] = round(time.perf_counter() - started, 3)
    return Done(data, format, report, copied)


@dataclass(frozen=True)
class Failure:
    """Why there is no result."""

    kind: str
    """Name of the error's class, ``memory``, or ``internal`` for a mistake of our own."""
    error: UndegradeError
    """One line for the user, with a remedy and an exit code."""
    passing: bool
    """Whether it may be gone the next time: a full disk or a missing model may, a photo that is
    broken stays so."""


def failure_of(error: Exception, name: str) -> Failure:
    """What *error* means for the photo called *name*, whatever it is: it stops no other photo."""
    if isinstance(error, UndegradeError):
        passing = not isinstance(error, InputError | LimitError)
        return Failure(type(error).__name__, error, passing)
    if isinstance(error, MemoryError):
        remedy = "use a smaller --tile, or fewer workers"
        return Failure("memory", LimitError(f"{name!r} does not fit into memory", remedy), True)
    what = f"internal error on {name!r}: {type(error).__name__}: {error}"
    return Failure("internal", UndegradeError(what, "please report it"), False)


def sha256(data: bytes) -> str:
    """The hash of *data*, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
