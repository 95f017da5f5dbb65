"""What is wrong with training data: missing, unreadable, misaligned, double, or of a test set.

Nothing here stops at one bad file, and nothing here is repaired.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import InputError, UndegradeError
from undegrade.imaging.arrays import Floats
from undegrade.imaging.luma import luma_of
from undegrade.imaging.resize import imresize
from undegrade.training.data.decoding import check_pair, read_pixels
from undegrade.training.data.files import Entry
from undegrade.training.data.likeness import (
    WINDOW,
    Fingerprint,
    Hashes,
    blurred,
    fingerprint,
    global_shift,
    likeness,
    near,
)
from undegrade.training.data.sources import Reading, Source, survey_source

Kind = Literal["missing", "unreadable", "size", "misaligned", "duplicate", "leak", "note"]

FARTHEST = 1.0
"""Pixels by which input and target may be shifted."""
CERTAIN = 10.0
"""Certainty from which a shift is one: pictures of two scenes reach 7 in the median, and pairs of
dark and light photos of one 12 and more."""
TELLING = 200
"""Side in pixels from which a pair without a certain shift shows two things."""
WHOLE_BITS, WHOLE_LIKENESS = 4, 0.97
"""Two photos are one whose hashes differ in so few bits, and reductions to 32 x 32 are so alike;
among 4,000 aligned faces the largest likeness is 0.94."""
WINDOW_BITS, WINDOW_LIKENESS = 4, 0.5
"""Two windows show the same whose hashes differ in so few bits, and fine details are so alike:
0.7 and more after JPEG at quality 30, 0.3 and less between different photos."""
DETAIL = 2.0
"""Spread in pixels of the blur that is taken off before fine details are compared."""
TRIALS = 4
"""So many windows of two photos are compared, at most."""

Progress = Callable[[int, int], None]
"""Called after each picture or pair with how many are done and how many there are."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth a note."""

    kind: Kind
    source: str
    name: str
    """Of the file, empty for the source as a whole."""
    what: str


@dataclass(frozen=True)
class Report:
    """What :func:`check` found."""

    checked: dict[str, int]
    """Pictures, or pairs, of each source, those to compare with included."""
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing but notes was found."""
        return all(finding.kind == "note" for finding in self.findings)

    def count(self, source: str, kind: Kind) -> int:
        """Findings of a kind in a source."""
        return sum((one.source, one.kind) == (source, kind) for one in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        rows = [dataclasses.asdict(finding) for finding in self.findings]
        return {"sound": self.sound, "checked": self.checked, "findings": rows}


@dataclass(frozen=True)
class _Seen:
    """A picture, or a pair, that could be read; the print is that of its target."""

    source: str
    entry: Entry
    print: Fingerprint


def check(
    sources: Sequence[Source],
    reading: Reading | None = None,
    against: Sequence[Source] = (),
    *,
    threads: int = 4,
    progress: Progress | None = None,
) -> Report:
    """Look through all *sources*, and for what they share with the test sets *against*.

    Of a *reading* only ``pairs`` and ``match`` count. Reported are

    - ``missing``: a source, a file of a manifest, a partner;
    - ``unreadable``: what cannot be decoded;
    - ``size``: input and target that do not fit each other;
    - ``misaligned``: input and target that are shifted by more than a pixel, or show two things
      (from 200 pixels on);
    - ``duplicate``: a photo, or target, that another one of the sources shows, too;
    - ``leak``: the same for a photo of a test set; and a photo that shares a part with one, at
      unchanged scale.

    Copies are found where they are resized or coded anew as a whole. Parts are found by their
    detail: of crops of 102 test photos, most of them coded as JPEG at quality 30 or 75, 99 in 100
    were found at 256 x 256 pixels, 97 at 192, 90 at 160 and 48 at 128. Not found: what is mirrored
    or turned, parts that are resized, and the same scene taken from elsewhere.

    Raises :class:`UsageError` for an unknown layout, or one without pairs where they are asked for.
    """
    reading = reading or Reading()
    findings: list[Finding] = []
    tasks = _tasks(sources, reading, findings)
    own = len(tasks)
    tasks += _tasks(against, Reading(), findings)
    seen: list[_Seen | None] = []
    with ThreadPoolExecutor(threads) as pool:
        for found, one in pool.map(lambda task: _inspect(*task), tasks):
            findings += found
            seen.append(one)
            if progress:
                progress(len(seen), len(tasks))
    photos, tests = _once(seen[:own]), _once(seen[own:])
    findings += [*_duplicates(photos), *_leaks(photos, tests)]
    findings.sort(key=lambda one: get_args(Kind).index(one.kind))
    checked = {str(source): 0 for source in (*sources, *against)}
    for source, _ in tasks:
        checked[source] += 1
    return Report(checked, tuple(findings))


def _tasks(
    sources: Sequence[Source], reading: Reading, findings: list[Finding]
) -> list[tuple[str, Entry]]:
    """The entries of *sources* with their source; what is missing goes to *findings*."""
    tasks = []
    for source in map(str, sources):
        try:
            survey = survey_source(source, reading)
        except InputError as error:
            findings.append(Finding("missing", source, "", str(error)))
            continue
        findings += [Finding("missing", source, gap.name, gap.what) for gap in survey.gaps]
        findings += [Finding("note", source, "", note) for note in survey.notes]
        tasks += [(source, entry) for entry in survey.entries]
    return tasks


def _inspect(source: str, entry: Entry) -> tuple[list[Finding], _Seen | None]:
    """What is wrong with one entry by itself, and what is to be compared with others."""
    findings: list[Finding] = []
    planes: list[Floats] = []
    for place in entry.files:
        try:
            planes.append(luma_of(read_pixels(place)))
        except UndegradeError as error:
            findings.append(Finding("unreadable", source, entry.name, error.what))
    if len(planes) < len(entry.files):
        return findings, None
    if entry.input is not None:
        findings += _misfit(source, entry, *planes)
    return findings, _Seen(source, entry, fingerprint(planes[-1]))


def _misfit(source: str, entry: Entry, low: Floats, high: Floats) -> list[Finding]:
    try:
        check_pair(entry, low.shape, high.shape)
    except InputError as error:
        return [Finding("size", source, entry.name, error.what)]
    if entry.scale > 1:
        low = imresize(low, size=high.shape)
    shift = global_shift(low, high)
    if shift.certainty < CERTAIN:
        if min(high.shape) < TELLING:
            return []
        what = "input and target do not show the same"
    elif shift.distance > FARTHEST:
        right, down = (round(part, 1) + 0.0 for part in (shift.dx, shift.dy))  # no -0.0
        what = f"the input is shifted by {right:+.1f}, {down:+.1f} pixels (right, down)"
    else:
        return []
    return [Finding("misaligned", source, entry.name, what)]


def _once(seen: Sequence[_Seen | None]) -> list[_Seen]:
    """What could be read, each file once: stacks of exposures share their target."""
    by_place = {one.entry.target: one for one in reversed(seen) if one}
    return list(reversed(by_place.values()))


def _duplicates(photos: Sequence[_Seen]) -> Iterator[Finding]:
    reported = set()
    for first, second in _alike(photos, photos):
        if first < second and second not in reported:
            reported.add(second)
            one, other = photos[second], photos[first]
            yield Finding(
                "duplicate", one.source, one.entry.name, f"shows the same as {_named(other)}"
            )


def _leaks(photos: Sequence[_Seen], tests: Sequence[_Seen]) -> Iterator[Finding]:
    found: dict[int, str] = {}
    for mine, theirs in _alike(photos, tests):
        found.setdefault(mine, f"shows the same as {_named(tests[theirs])}")
    for mine, theirs in _sharing(photos, tests):
        found.setdefault(mine, f"shows a part of {_named(tests[theirs])}")
    for mine, what in sorted(found.items()):
        yield Finding("leak", photos[mine].source, photos[mine].entry.name, what)


def _alike(a: Sequence[_Seen], b: Sequence[_Seen]) -> Iterator[tuple[int, int]]:
    """Indices of photos that are the same as a whole."""
    hashes = [np.array([one.print.whole for one in seen], np.uint64) for seen in (a, b)]
    for i, j in near(hashes[0], hashes[1], WHOLE_BITS).tolist():
        thumbs = (seen.print.thumb.astype(np.float32) for seen in (a[i], b[j]))
        if likeness(*thumbs) >= WHOLE_LIKENESS:
            yield i, j


def _sharing(a: Sequence[_Seen], b: Sequence[_Seen]) -> Iterator[tuple[int, int]]:
    """Indices of photos that show the same part, by comparing the pixels around equal windows."""
    plane = lru_cache(maxsize=16)(lambda place: luma_of(read_pixels(place)))
    windows = [_windows(seen) for seen in (a, b)]
    tried: Counter[tuple[int, int]] = Counter()
    for i, j in near(windows[0][0], windows[1][0], WINDOW_BITS).tolist():
        pair = int(windows[0][1][i]), int(windows[1][1][j])
        if tried[pair] >= TRIALS:
            continue
        tried[pair] += 1
        cuts = []
        for one, corner in ((a[pair[0]], windows[0][2][i]), (b[pair[1]], windows[1][2][j])):
            top, left = corner.tolist()
            cuts.append(plane(one.entry.target)[top : top + WINDOW, left : left + WINDOW])
        if _same_detail(*cuts):
            tried[pair] = TRIALS
            yield pair


def _windows(seen: Sequence[_Seen]) -> tuple[Hashes, NDArray[np.intp], NDArray[np.int32]]:
    """All windows of all photos: hashes, indices of the photos, and corners."""
    prints = [one.print for one in seen]
    owners = np.repeat(np.arange(len(prints)), [len(one.windows) for one in prints])
    hashes = np.concatenate([np.empty(0, np.uint64), *(one.windows for one in prints)])
    corners = np.concatenate([np.empty((0, 2), np.int32), *(one.corners for one in prints)])
    return hashes, owners, corners


def _same_detail(a: Floats, b: Floats) -> bool:
    """Whether two windows show the same, once the one is moved over the other."""
    shift = global_shift(a, b)
    dy, dx = round(shift.dy), round(shift.dx)
    height, width = a.shape
    fine = [plane - blurred(plane, DETAIL) for plane in (a, b)]
    ours = fine[0][max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    theirs = fine[1][max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    return max(abs(dy), abs(dx)) <= WINDOW // 4 and likeness(ours, theirs) >= WINDOW_LIKENESS


def _named(seen: _Seen) -> str:
    return f"{seen.entry.name!r} of {seen.source!r}"
