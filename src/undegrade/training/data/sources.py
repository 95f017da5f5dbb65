"""From what a recipe or the command line calls a source to pictures and pairs.

A source is one of

- a folder, searched through, or an uncompressed tar pack;
- a manifest, ``.csv`` with a column ``image``, or two, ``input,target``; paths seen from the CSV;
- a public set by name, ``layout:path`` or ``layout:split:path`` as in ``div2k:valid:sets/DIV2K``,
  the path a folder or a tar pack. Without a split it is the training part; test sets must be
  asked for. ``undegrade data list`` shows the names;
- alone, a function of one's own, ``package.module:name`` or an entry point of the group
  ``undegrade.data``: given how many photos to hold out, the device and the reading, it returns what
  crops are drawn from (see :class:`~undegrade.training.data.photos.Photos`) and the held-out
  photos, tensors (3 or 6, H, W) uint8.

In folders and packs a pair is two files of one name, whatever the suffixes, in sibling folders
called such as ``low`` and ``high``.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias, get_args

from undegrade.errors import InputError, RecipeError, UsageError
from undegrade.training import plugins
from undegrade.training.data.files import Entry, Gap, Place, Survey, is_image, list_files, paired
from undegrade.training.data.layouts import LAYOUTS, find_published

Symmetries = Literal["all", "mirror", "none"]


@dataclass(frozen=True)
class Reading:
    """What is taken from a source and what becomes of it before crops are drawn.

    Raises :class:`RecipeError` for a value that is impossible, or two that contradict each other.
    """

    pairs: bool = False
    """Aligned pairs of input and target instead of single photos."""
    match: str = "*"
    """Only files whose name in the source matches this pattern; ``*`` crosses slashes, too."""
    leave_out: tuple[str, ...] = ()
    """Patterns of names that are not taken, such as what a check found to be in a test set."""
    centre: int = 0
    """Side in pixels of the central square that is cut out; 0 keeps all, -1 is the largest."""
    resize: int = 0
    """Side in pixels to which that square is reduced, bicubic and antialiased; 0 leaves it."""
    symmetries: Symmetries = "all"
    """Turns and mirrors of a crop: all eight, left and right (faces), or none."""
    memory: float = 0.0
    """GiB of decoded photos kept, the rest decoded on demand; 0 loads all to the device."""
    workers: int = 2
    """Threads that prepare batches ahead where ``memory`` is set."""

    def __post_init__(self) -> None:
        if not self.match:
            raise RecipeError("match", self.match, "matches nothing; '*' matches all")
        if self.centre < -1:
            raise RecipeError("centre", self.centre, "must be a side in pixels, 0 or -1")
        if self.resize < 0:
            raise RecipeError("resize", self.resize, "must be a side in pixels, or 0")
        if self.resize and not self.centre:
            raise RecipeError(
                "resize", self.resize, "would distort what is no square; set centre, too (-1)"
            )
        if 0 < self.centre < self.resize:
            raise RecipeError("resize", self.resize, f"is more than centre = {self.centre}")
        if self.symmetries not in get_args(Symmetries):
            raise RecipeError(
                "symmetries", self.symmetries, f"must be one of {', '.join(get_args(Symmetries))}"
            )
        if not (math.isfinite(self.memory) and self.memory >= 0):
            raise RecipeError("memory", self.memory, "must be GiB, 0 or more")
        if self.workers < 1:
            raise RecipeError("workers", self.workers, "must be at least 1")


Source: TypeAlias = str | Path | Callable[..., Any]

SUMMARY = "manifest.json"
"""What a gathered set says of itself, beside its manifest."""
UNKNOWN_TERMS = "terms not recorded"

INPUT_FOLDERS = frozenset(
    {"blackberry", "blur", "blurry", "damaged", "dark", "degraded", "input", "inputs", "iphone"}
    | {"low", "lq", "lr", "noise", "noisy", "phone", "sony"}
)
"""Folders, in small letters, that hold what a network is given."""

TARGET_FOLDERS = frozenset(
    {"canon", "clean", "dslr", "gt", "high", "hq", "hr", "label", "labels", "normal"}
    | {"reference", "sharp", "target", "targets", "truth"}
)
"""Folders, in small letters, that hold what it should make of it."""


def own_data(source: object) -> Callable[..., Any] | None:
    """The function that makes the photos of *source*, where that is none of the above.

    It is given itself, or named ``package.module:name``, or an entry point of an installed package.
    """
    if callable(source):
        return source
    text = str(source)
    if Path(text).exists():
        return None
    installed = {point.name for point in entry_points(group="undegrade.data")}
    layout = text.partition(":")[0].lower() in LAYOUTS
    if text in installed or (not layout and plugins.names_module(text)):
        found: Callable[..., Any] = plugins.find("data", "data", {}, text)
        return found
    return None


def described(sources: Sequence[Source], reading: Reading) -> list[dict[str, Any]]:
    """What is known of each source: its photos, or pairs, and the terms on which they are given.

    Terms are those of a gathered set's summary or of a layout; else nobody has noted any.
    """
    rows = []
    for source in sources:
        if own_data(source):
            name = str(getattr(source, "__qualname__", source))
            rows.append({"source": name, "name": name, "photos": 0, "terms": UNKNOWN_TERMS})
            continue
        layout, split, path = _parse(str(source))
        photos = len(survey_source(source, reading).entries)
        name, terms = (path.parent if path.suffix == ".csv" else path).name, UNKNOWN_TERMS
        if layout:
            name, terms = f"{layout}:{split}", LAYOUTS[layout].title
        summary = (path if path.is_dir() else path.parent) / SUMMARY
        if path.suffix in ("", ".csv") and summary.is_file():
            terms = _gathered_terms(summary) or terms
        rows.append({"source": str(source), "name": name, "photos": photos, "terms": terms})
    return rows


def _gathered_terms(summary: Path) -> str:
    try:
        told = json.loads(summary.read_text("utf-8"))
        return "; ".join(
            f"{one['photos']} from {one['name']}: {one['terms']}"
            for one in told["collections"]
            if one["photos"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def entries(sources: Sequence[Source], reading: Reading | None = None) -> list[Entry]:
    """Every picture or pair of all *sources*, in their order and then by name.

    Raises
    ------
    InputError: a source that is not there, cannot be read or holds nothing, or a file or partner
        that is missing.
    UsageError: an unknown layout or split, or a layout without pairs where pairs are asked for.
    """
    reading = reading or Reading()
    found: list[Entry] = []
    for source in sources:
        survey = survey_source(source, reading)
        for gap in survey.gaps:
            raise InputError(f"{source}: {gap.what}", gap.remedy)
        found += survey.entries
    if not found:
        raise InputError("no source of photos was given", "name a folder, a tar pack or a .csv")
    return found


def hold_out(found: Sequence[Entry], count: int) -> tuple[list[Entry], list[Entry]]:
    """Split into entries for training and *count* evenly spaced ones that are kept from it.

    An entry whose target is also that of a held-out one, as in stacks of exposures, is in neither.

    Raises :class:`RecipeError` where nothing would be left to train on.
    """
    if not 0 <= count < len(found):
        why = f"leaves nothing of {len(found)} photos to train on"
        raise RecipeError("validation.photos", count, why)
    held = [found[round((i + 0.5) * len(found) / count)] for i in range(count)]
    seen = {entry.target for entry in held}
    training = [entry for entry in found if entry.target not in seen]
    if not training:
        why = "leaves nothing to train on: all show what it shows"
        raise RecipeError("validation.photos", count, why)
    return training, held


def survey_source(source: Source, reading: Reading) -> Survey:
    """Find what *source* holds without stopping at what it lacks.

    Raises
    ------
    InputError: it is not there, cannot be read at all, or holds nothing that is looked for.
    UsageError: an unknown layout or split, or a layout without pairs where pairs are asked for.
    """
    layout, split, path = _parse(str(source))
    if not path.exists():
        raise InputError(f"there is no {str(path)!r}", "check the name of the source")
    if layout:
        survey = find_published(layout, split, path, reading.pairs)
        wanted = f"part {split!r} of the layout {layout!r}"
    elif path.suffix.lower() == ".csv":
        survey, wanted = _of_manifest(path, reading.pairs), "line"
    elif reading.pairs:
        survey = _of_siblings(_images(path))
        wanted = "pair in sibling folders, such as low/ and high/"
    else:
        found = _images(path)
        survey, wanted = Survey([Entry(n, place) for n, place in found.items()]), "picture"
    if not survey.entries and not survey.gaps:
        raise InputError(f"{source}: there is no {wanted} in it", "check the name and the kind")
    survey.entries = [entry for entry in survey.entries if _wanted(entry.name, reading)]
    survey.gaps = [gap for gap in survey.gaps if _wanted(gap.name, reading)]
    if not survey.entries and not survey.gaps:
        raise InputError(f"{source}: nothing matches {reading.match!r}", "check the pattern")
    return survey


def _wanted(name: str, reading: Reading) -> bool:
    left_out = any(fnmatchcase(name, pattern) for pattern in reading.leave_out)
    return fnmatchcase(name, reading.match) and not left_out


def _parse(text: str) -> tuple[str, str, Path]:
    """Layout and split, empty for none, and path; a path that exists is never a layout."""
    named = re.match(r"([A-Za-z0-9-]{2,}):(.*)$", text)  # one letter is a drive
    if not named or Path(text).exists():
        return "", "", Path(text)
    name, rest = named[1].lower(), named[2]
    if name not in LAYOUTS:
        raise UsageError(f"no layout is called {name!r}", f"there are: {', '.join(LAYOUTS)}")
    splits = LAYOUTS[name].splits
    head, colon, tail = rest.partition(":")
    if colon and head in splits:
        return name, head, Path(tail)
    if colon and head.isalpha() and len(head) > 1 and not Path(rest).exists():
        raise UsageError(
            f"the layout {name!r} has no part {head!r}", f"it has: {', '.join(splits)}"
        )
    return name, next(iter(splits)), Path(rest)


def _images(path: Path) -> dict[str, Place]:
    return {name: place for name, place in list_files(path).items() if is_image(name)}


def _of_siblings(files: Mapping[str, Place]) -> Survey:
    """Pairs by the deepest folder of each path whose name tells its role."""
    inputs: dict[str, tuple[str, ...]] = {}
    targets: dict[str, tuple[str, ...]] = {}
    for name in files:
        *folders, file = PurePosixPath(name).parts
        words = [folder.lower() for folder in folders]
        roles = [i for i, word in enumerate(words) if word in INPUT_FOLDERS | TARGET_FOLDERS]
        if roles:
            at = roles[-1]
            key = (*folders[:at], "", *folders[at + 1 :], PurePosixPath(file).stem)
            (inputs if words[at] in INPUT_FOLDERS else targets)[name] = key
    survey = paired(files, inputs, targets)
    idle = len(files) - len(inputs) - len(targets)
    if idle:
        survey.notes.append(f"pictures in no folder of inputs or targets: {idle}")
    return survey


def _of_manifest(path: Path, pairs: bool) -> Survey:
    survey = Survey()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            columns = _columns(path, rows.fieldnames or (), pairs)
            for row in rows:
                _add_line(survey, path.parent, [row[c] for c in columns], rows.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {str(path)!r}: {error}", "give a CSV in UTF-8") from None
    return survey


def _columns(path: Path, header: Iterable[str], pairs: bool) -> tuple[str, ...]:
    """The columns to read: input and target, or those of single photos."""
    has = set(header)
    if {"input", "target"} <= has and (pairs or "image" not in has):
        return ("input", "target") if pairs else ("target",)
    if "image" in has and not pairs:
        return ("image",)
    raise InputError(
        f"{str(path)!r} has the columns {', '.join(header) or '(none)'} in line 1",
        "pairs need input,target" if pairs else "a manifest needs image, or input,target",
    )


def _add_line(survey: Survey, folder: Path, cells: Sequence[str | None], line: int) -> None:
    for cell in cells:
        if not cell or not (folder / cell).is_file():
            what = f"names {cell!r}, which is no file" if cell else "lacks a file name"
            survey.gaps.append(Gap(cell or "", f"line {line} {what}", "correct the manifest"))
            return
    places = [Place(folder / cell) for cell in cells if cell]
    survey.entries.append(Entry(cells[0] or "", places[-1], places[0] if places[1:] else None))
