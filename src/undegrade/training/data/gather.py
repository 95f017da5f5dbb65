"""Training photos out of clones of public repositories, with a manifest of their terms.

Every picture that the table of collections names is decoded, reduced and looked at; what is kept
lies as PNG in one folder beside ``manifest.csv``, which training reads, and ``manifest.json``,
which tells terms and counts. ``gathered.jsonl`` notes each picture as soon as it is done, kept or
not, so that a second run does nothing twice.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import InputError, OutputError, UndegradeError, UsageError
from undegrade.imaging.luma import luma_of
from undegrade.levels import noise_sigma
from undegrade.picture import write_atomic
from undegrade.training.data.check import WHOLE_BITS, WHOLE_LIKENESS, check
from undegrade.training.data.collections import Clone, Collection, find_clones, need_git
from undegrade.training.data.decoding import Reduced, Reduction, in_colour, read_reduced
from undegrade.training.data.likeness import likeness, whole_print
from undegrade.training.data.sources import SUMMARY, Source

JOURNAL = "gathered.jsonl"


@dataclass(frozen=True)
class Row:
    """What became of one picture."""

    collection: str
    path: str
    """Inside its repository."""
    blob: str
    """Name of its content there."""
    commit: str
    """Of the repository, in which it was found."""
    image: str = ""
    """File in the output folder; empty if it was left out."""
    why: str = ""
    """One word for why it was left out: "absent" (which a partial clone lacks), "unreadable",
    "transparent", "small", "noisy", "double", "leak", or the table's own."""
    what: str = ""
    """The same in a sentence, where there is more to say."""
    width: int = 0
    height: int = 0
    factor: float = 0.0
    noise: float = 0.0
    whole: str = ""
    """Hash of all of it, hexadecimal."""
    thumb: str = ""
    """Its reduction to 32 x 32, hexadecimal."""

    def without(self, why: str, what: str = "") -> Row:
        """The same picture, left out."""
        return replace(self, image="", why=why, what=what)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells a picture from all others."""
        return self.collection, self.path, self.blob


@contextmanager
def _journal(path: Path, how: Reduction) -> Iterator[Callable[[Row], None]]:
    """What adds a line to the file at *path* for a picture that is done.

    Its first line tells the settings *how*.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else b""
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from None

    def add(values: Mapping[str, Any]) -> None:
        try:
            file.write(json.dumps(values, ensure_ascii=False) + "\n")
            file.flush()
        except OSError as error:
            raise _unwritable(path, error) from None

    with file:
        if before and not before.endswith(b"\n"):  # cut off within a line
            file.write("\n")
        if not any(_lines(before.decode("utf-8", "replace"))):
            add({"settings": asdict(how)})
        yield lambda row: add(asdict(row))


def resumed(output: Path, how: Reduction) -> dict[tuple[str, str, str], Row]:
    """What earlier runs did, and what of it is still there."""
    path = output / JOURNAL
    try:
        text = path.read_text("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {str(path)!r}: {error}", "remove it to begin anew") from None
    done = {}
    for number, values in enumerate(_lines(text)):
        if number == 0:
            if values.get("settings") != asdict(how):
                raise UsageError(
                    f"{str(output)!r} was made with the settings {values.get('settings')}",
                    "use the same, or another folder",
                )
            continue
        try:
            row = Row(**values)
        except TypeError:
            continue
        # What a clone lacked may be there now, and files may have been removed.
        if row.why != "absent" and (not row.image or (output / row.image).is_file()):
            done[row.key] = row
        else:
            done.pop(row.key, None)
    return done


def _lines(text: str) -> Iterator[dict[str, Any]]:
    """The objects of JSON lines; a line that a full disk or a kill cut off is none."""
    for line in text.splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(values, dict):
            yield values


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {str(path)!r}: {error.strerror or error}", "choose another")


TABLE = "manifest.csv"

COLUMNS = ("image", "collection", "path", "terms", "width", "height", "factor", "noise")
"""Of the table; width and height are those of the original."""

Progress = Callable[[int, int], None]
"""Called after each picture with how many are done and how many there are."""


@dataclass
class Gathering:
    """What :func:`gather` made."""

    collections: Mapping[str, Collection]
    """Those that were asked for, and those of earlier runs, by name."""
    how: Reduction
    rows: list[Row]
    """Of every picture that the table names, in its order."""
    notes: list[str] = field(default_factory=list)
    """Of clones that were passed over."""

    @property
    def kept(self) -> list[Row]:
        """The pictures to train on."""
        return [row for row in self.rows if row.image]

    def left_out(self, name: str) -> Counter[str]:
        """How many pictures of a collection were left out for what reason."""
        return Counter(row.why for row in self.rows if row.collection == name and not row.image)

    def sentence(self) -> str:
        """Counts and terms in the words of a card's ``training_data``.

        A photo that several collections hold counts for the first.
        """
        counts = Counter(row.collection for row in self.kept)
        parts = [
            f"{counts[name]} from {name} ({one.terms})"
            for name, one in self.collections.items()
            if counts[name]
        ]
        by = f", reduced by {self.how.reduce:g} or more" if self.how.reduce > 1 else ""
        taken = [name for name, one in self.collections.items() if one.reduced and counts[name]]
        but = f" ({', '.join(taken)} as they are)" if by and taken else ""
        photos = "photo" if len(self.kept) == 1 else "photos"
        return f"{len(self.kept)} free {photos}{by}{but}: {'; '.join(parts)}"

    def as_dict(self) -> dict[str, Any]:
        """The summary as plain data."""
        counts = Counter(row.collection for row in self.kept)
        commits = {row.collection: row.commit for row in self.rows}
        hidden = {"commit", "whole", "thumb"}
        return {
            "photos": len(self.kept),
            "training_data": self.sentence(),
            "settings": asdict(self.how),
            "collections": [
                {
                    "name": name,
                    "repository": one.repository,
                    "commit": commits[name],
                    "terms": one.terms,
                    "photos": counts[name],
                    "left_out": dict(sorted(self.left_out(name).items())),
                }
                for name, one in self.collections.items()
                if name in commits
            ],
            "pictures": [
                {key: value for key, value in asdict(row).items() if value and key not in hidden}
                for row in self.rows
            ],
            "notes": self.notes,
        }


def gather(
    folders: Sequence[str],
    output: Path,
    collections: Mapping[str, Collection],
    how: Reduction | None = None,
    *,
    only: Sequence[str] = (),
    against: Sequence[Source] = (),
    threads: int = 2,
    progress: Progress | None = None,
) -> Gathering:
    """Build a set of training photos in the folder *output*.

    Parameters
    ----------
    folders: clones, or folders that hold clones, or ``OWNER/NAME=FOLDER`` where a clone does not
        say which repository it is of: by its origin, or its path ``OWNER/NAME`` or ``OWNER+NAME``.
    only: names of collections; all of the table without any.
    against: test sets, as :func:`check` takes them, of which nothing may be in the set.

    One bad picture never stops the rest: it is noted as left out. What an earlier run with the
    same settings did is not done again, and stays in the set; only what its collection has lost
    since, or the table leaves out since, is removed.

    Raises
    ------
    UsageError: no git, no clone, unknown names, or a folder made with other settings.
    InputError: a folder that is not there or holds no clone of the table, or a damaged clone.
    OutputError: the folder cannot be written.
    """
    how = how or Reduction()
    wanted = _wanted(collections, only)
    need_git()
    found, notes = _clones(folders, wanted)
    used = {name: one for name, one in wanted.items() if one.repository in found}
    done = resumed(output, how)
    carried = [
        row for row in done.values() if row.collection in collections and row.collection not in used
    ]
    tasks = [task for one in used.values() for task in _tasks(one, found[one.repository])]
    rows = _all(tasks, carried, output, how, done, threads, progress)
    listed = {row.image for row in rows}
    for row in done.values():
        if row.image and row.image not in listed:
            (output / row.image).unlink(missing_ok=True)
    named = {name: one for name, one in collections.items() if name in {r.collection for r in rows}}
    rows.sort(key=lambda row: list(named).index(row.collection))
    made = Gathering(named, how, rows, notes)
    _write(output, made)
    if against and made.kept:
        made.rows = _without_leaks(output, made.rows, against, threads)
        _write(output, made)
    return made


def _wanted(collections: Mapping[str, Collection], only: Sequence[str]) -> dict[str, Collection]:
    for name in only:
        if name not in collections:
            known = ", ".join(collections)
            raise UsageError(f"there is no collection {name!r} in the table", f"use of {known}")
    return {name: one for name, one in collections.items() if not only or name in only}


def _clones(
    folders: Sequence[str], wanted: Mapping[str, Collection]
) -> tuple[dict[str, Clone], list[str]]:
    """A clone for each repository that has one, and notes on those passed over."""
    known = list(dict.fromkeys(one.repository for one in wanted.values()))
    if not folders:
        raise UsageError("no clone was given", f"clone some of {', '.join(known)}")
    found: dict[str, Clone] = {}
    passed: list[str] = []
    for given in folders:
        name, equals, path = given.partition("=")
        said = bool(equals) and not Path(given).exists()
        if said and name not in known:
            raise UsageError(
                f"the table has no repository {name!r}", f"use one of {', '.join(known)}"
            )
        clones = list(find_clones(Path(path if said else given)))
        if not clones:
            raise InputError(f"there is no clone in {(path if said else given)!r}", "check it")
        for folder, clone in clones:
            repository = name if said else _repository(folder, clone, known)
            if repository:
                found.setdefault(repository, clone)
            elif len(clones) == 1:
                raise UsageError(
                    f"{str(folder)!r} is a clone of no repository of the table",
                    f"say of which, as in {known[0]}={folder}",
                )
            else:
                passed.append(str(folder))
    if not found:
        raise InputError(
            f"none of {len(passed)} clones is of a repository that was asked for",
            f"clone some of {', '.join(known)}",
        )
    return found, [f"passed over, not asked for: {', '.join(passed)}"] if passed else []


def _repository(folder: Path, clone: Clone, known: Sequence[str]) -> str:
    """Which of the *known* repositories a clone is of, empty for none."""
    parts = [part.removesuffix(".git") for part in folder.resolve().parts]
    pairs = {"/".join(pair) for pair in pairwise(parts)}
    names = {clone.origin().lower()} | {part.replace("+", "/").lower() for part in (*parts, *pairs)}
    return next((one for one in known if one.lower() in names), "")


@dataclass(frozen=True)
class _Task:
    """A picture to look at."""

    collection: Collection
    clone: Clone
    row: Row
    """What is known of it before it is read."""


def _tasks(one: Collection, clone: Clone) -> list[_Task]:
    """Of a collection, the largest file first: it stays where several are one picture."""
    commit = clone.commit()
    blobs = [blob for blob in clone.blobs() if one.holds(blob.path, blob.size)]
    blobs.sort(key=lambda blob: (-(blob.size or 0), blob.path))
    return [_Task(one, clone, Row(one.name, blob.path, blob.id, commit)) for blob in blobs]


def _all(
    tasks: Sequence[_Task],
    carried: Sequence[Row],
    output: Path,
    how: Reduction,
    done: Mapping[tuple[str, str, str], Row],
    threads: int,
    progress: Progress | None,
) -> list[Row]:
    """The *carried* rows of earlier runs and what became of every task, in order.

    What is new is written, and noted in the journal.
    """
    rows = list(carried)
    kept = [row for row in carried if row.image]

    def work(task: _Task) -> tuple[Row, Reduced | None, bool]:
        one, row = task.collection, task.row
        if reason := one.reason(row.path):
            return row.without(reason), None, False
        old = done.get(row.key)
        if old and not (old.why == "noisy" and one.looked_at(row.path)):
            return replace(old, commit=row.commit), None, False
        return *_look(task, how), True

    with ThreadPoolExecutor(threads) as pool, _journal(output / JOURNAL, how) as note:
        # A few at a time: whoever is ahead of the disk would hold its pictures in memory.
        for first in range(0, len(tasks), 4 * threads):
            some = tasks[first : first + 4 * threads]
            for task, (row, photo, new) in zip(some, pool.map(work, some), strict=True):
                if row.why == "double" and row.whole and not _twin(row, kept):  # that one is gone
                    row, photo = _look(task, how)
                    new = True
                made = row
                if photo is not None:
                    if twin := _twin(row, kept):
                        what = f"shows the same as {twin.path!r} of {twin.collection}"
                        made = row.without("double", what)
                    else:
                        write_atomic(output / row.image, photo.png())
                if new:
                    note(made)
                if made.image:
                    kept.append(made)
                rows.append(made)
                if progress:
                    progress(len(rows) - len(carried), len(tasks))
    return rows


def _look(task: _Task, how: Reduction) -> tuple[Row, Reduced | None]:
    """What is to become of a picture as far as it itself can tell."""
    row, one = task.row, task.collection
    try:
        data = task.clone.read(row.blob)
    except InputError as error:
        return row.without("absent", error.what), None
    try:
        photo = read_reduced(data, how, one.reduced, row.path)
    except UndegradeError as error:
        return row.without("unreadable", error.what), None
    if isinstance(photo, str):
        return row.without(photo), None
    noise = round(noise_sigma(photo.pixels), 2)
    if noise > how.noise and not one.looked_at(row.path):
        return row.without("noisy", f"noise {noise:g} is above {how.noise:g}"), None
    whole, thumb = whole_print(luma_of(in_colour(photo.pixels)))
    return replace(
        row,
        image=f"{one.repository.replace('/', '-')}-{row.blob[:12]}.png".lower(),
        width=photo.size[0],
        height=photo.size[1],
        factor=photo.factor,
        noise=noise,
        whole=f"{whole:016x}",
        thumb=thumb.tobytes().hex(),
    ), photo


def _twin(row: Row, kept: Sequence[Row]) -> Row | None:
    """The first of the pictures *kept* so far that shows the same."""
    whole = int(row.whole, 16)
    for other in kept:
        if (whole ^ int(other.whole, 16)).bit_count() <= WHOLE_BITS:
            alike = likeness(_thumb(row), _thumb(other))
            if row.blob == other.blob or alike >= WHOLE_LIKENESS:
                return other
    return None


def _without_leaks(
    output: Path, rows: Sequence[Row], against: Sequence[Source], threads: int
) -> list[Row]:
    """The rows, those that share something with a test set left out and their files removed.

    The journal keeps them: without the test set they are made again.
    """
    report = check([output / TABLE], None, against, threads=threads)
    for source in against:
        missing = [one for one in report.findings if one.kind == "missing"]
        if any(one.source == str(source) and not one.name for one in missing):
            raise InputError(f"cannot read the test set {str(source)!r}", missing[0].what)
    leaks = {Path(one.name).name: one.what for one in report.findings if one.kind == "leak"}
    for image in leaks:
        (output / image).unlink(missing_ok=True)
    return [row.without("leak", leaks[row.image]) if row.image in leaks else row for row in rows]


def _write(output: Path, made: Gathering) -> None:
    """Table and summary, each whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in made.kept:
        terms = made.collections[row.collection].terms
        facts = (row.width, row.height, row.factor, row.noise)
        writer.writerow((row.image, row.collection, row.path, terms, *facts))
    write_atomic(output / TABLE, text.getvalue().encode())
    summary = json.dumps(made.as_dict(), indent=1, ensure_ascii=False)
    write_atomic(output / SUMMARY, summary.encode())


def _thumb(row: Row) -> NDArray[np.float32]:
    return np.frombuffer(bytes.fromhex(row.thumb), np.uint8).astype(np.float32)
