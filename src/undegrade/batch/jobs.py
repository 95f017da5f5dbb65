"""From what the command line names to pairs of input and output."""

from __future__ import annotations

import glob
import os
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from undegrade.errors import InputError, OutputError, UsageError
from undegrade.picture import RAW_SUFFIXES

SUFFIXES = (
    frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp"})
    | {".avif", ".heic", ".heif", ".hif", ".jxl"}
    | RAW_SUFFIXES
)
"""Files of a folder that are taken for photos."""
DECODE_ONLY = (
    dict.fromkeys((".heic", ".heif", ".hif", ".jxl"), ".jpg")
    | dict.fromkeys((".gif", ".jp2", ".pgm", ".pnm", ".ppm", ".qoi"), ".png")
    | dict.fromkeys(RAW_SUFFIXES, ".tif")
)
"""What a format that is read but not written becomes."""
MARK = "-enhanced"
SIGNS = (b"undegrade ", b"digitalsourcetype/algorithmicallyEnhanced")
"""What the files of enhanced photos say, one of them at least."""


@dataclass(frozen=True)
class FileJob:
    """One photo to enhance."""

    source: Path
    target: Path
    note: str = ""
    """What people are to be told of how it was named."""


def collect(
    inputs: Sequence[str],
    output: str | Path | None,
    *,
    recursive: bool = False,
    suffix: str | None = None,
) -> tuple[list[FileJob], Path | None]:
    """Resolve files, folders and globs into jobs, and the folder that holds all outputs, if any.

    One file goes to *output*, or into it where it is a folder or ends with a slash, or beside
    itself with a mark in its name. Folders are mirrored into *output* (default for a single one:
    its name with a mark).
    *suffix* changes the format of all outputs, as in ``".png"``.

    Raises
    ------
    InputError: nothing is found. UsageError: many inputs, but *output* is a file, or a folder among
    them and no *output*; or two inputs would have the same output. OutputError: an output would
    overwrite an input.
    """
    into = isinstance(output, str) and output.endswith(("/", os.sep))
    output = None if output is None else Path(output)
    files: list[tuple[Path, Path]] = []  # source, and where it goes below the output folder
    tree: Path | None = None
    for text in inputs:
        for path in _expand(text):
            if _can_be(path.is_dir):
                if output is None and len(inputs) > 1:
                    raise UsageError(
                        f"the folder {str(path)!r} is one of several inputs",
                        "name a folder for all outputs with -o",
                    )
                tree = _default_folder(path)
                found = _some_photos(path, recursive, output or tree)
                files += [(photo, photo.relative_to(path)) for photo in found]
            else:
                files.append((path, Path(path.name)))
    files = list(dict.fromkeys(files))  # a photo named twice is done once
    single = len(files) == 1 and tree is None and not into
    folder = _output_folder(output, tree, single)

    def target(source: Path, relative: Path, whole: bool) -> Path:
        if single and output is not None and folder is None:
            return output if suffix is None else output.with_suffix(suffix)
        if folder is not None:
            return folder / renamed(relative, suffix, whole=whole)
        named = renamed(Path(source.name), suffix, whole=whole)
        return source.with_name(_marked(named.stem) + named.suffix)

    jobs = [FileJob(source, target(source, relative, False)) for source, relative in files]
    places = [real(job.target) for job in jobs]
    wanted, alike = Counter(places), Counter(map(_folded, places))
    for index, ((source, relative), place) in enumerate(zip(files, places, strict=True)):
        whole = target(source, relative, True)
        if whole == jobs[index].target or alike[_folded(place)] == 1:
            continue
        if wanted[place] > 1 or ignores_case(place.parent):
            note = "its whole name kept, so that it differs from another photo's"
            jobs[index] = FileJob(source, whole, note)
    jobs = _without_own_results(jobs)
    _check(jobs)
    return jobs, folder


def _without_own_results(jobs: list[FileJob]) -> list[FileJob]:
    """*jobs* less those whose source is what another of them made when it was run before."""
    sources = {real(job.source): job for job in jobs}
    own: set[FileJob] = set()
    for index, job in enumerate(jobs):
        again = sources.get(real(job.target))
        if again and again != job and _is_result(again.source, job.source):
            own.add(again)
            jobs[index] = replace(job, note="its earlier result, named too, is no input")
    return [job for job in jobs if job.source not in {one.source for one in own}]


def _is_result(path: Path, of: Path) -> bool:
    """Whether the file *path* is the photo *of* enhanced, or left as it was."""
    if not path.stem.endswith(MARK):
        return False
    try:
        made = path.read_bytes()
        return any(sign in made for sign in SIGNS) or made == of.read_bytes()
    except OSError:
        return False


def photos(inputs: Sequence[str], *, recursive: bool = False) -> list[Path]:
    """The photos that files, folders and globs name, for what writes no pictures.

    Raises
    ------
    InputError: a folder or a pattern holds none.
    """
    files: list[Path] = []
    for text in inputs:
        for path in _expand(text):
            folder = _can_be(path.is_dir)
            files += _some_photos(path, recursive, path) if folder else [path]
    return list(dict.fromkeys(files))


def _expand(text: str) -> Iterable[Path]:
    if not text:
        raise UsageError("an input without a name is impossible", "name a photo or a folder")
    path = Path(text)
    # A file whose own name holds brackets or stars is that file.
    if not glob.has_magic(text) or _can_be(path.exists):
        return [path]
    found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - pathlib refuses absolute ones
    if not found:
        raise InputError(f"nothing matches {text!r}", "check the pattern")
    return [Path(name) for name in found if Path(name).is_file()]


def _can_be(test: Callable[[], bool]) -> bool:
    """Whether *test* holds; a name that the system refuses, such as one too long, has nothing."""
    try:
        return test()
    except OSError:
        return False


def photos_in(folder: Path, recursive: bool, output: Path) -> list[Path]:
    """The photos in *folder*, but none that is hidden (such as the ``._a.jpg`` that macOS leaves on
    other disks) or lies in an *output* folder further down in it.

    Raises
    ------
    InputError: it, or a folder in it, cannot be looked into.
    """

    def refuse(error: OSError) -> None:
        raise InputError(
            f"cannot look into the folder {str(error.filename or folder)!r}: {error.strerror}",
            "check its permissions",
        ) from None

    found = []
    for place, below, names in os.walk(folder, onerror=refuse):
        found += [Path(place) / name for name in names]
        if not recursive:
            below.clear()
    found.sort()
    own, whole = real(output), real(folder)
    inside = own != whole and own.is_relative_to(whole)
    return [
        path
        for path in found
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (inside and real(path).is_relative_to(own))
    ]


def _some_photos(folder: Path, recursive: bool, output: Path) -> list[Path]:
    """As :func:`photos_in`, which finds one at least."""
    found = photos_in(folder, recursive, output)
    if not found:
        hint = "" if recursive else "; add --recursive to look into its sub-folders"
        raise InputError(f"no photo in the folder {str(folder)!r}", f"check it{hint}")
    return found


def _default_folder(folder: Path) -> Path:
    """The folder beside *folder* with a mark in its name; ``.`` and ``..`` have a name, too."""
    named = folder if folder.name not in ("", "..") else folder.resolve()
    return named.parent / (named.name + MARK)


def _output_folder(output: Path | None, tree: Path | None, single: bool) -> Path | None:
    if output is None:
        return tree
    if _can_be(output.is_dir):
        return output
    if single:
        return None
    if _can_be(output.exists):
        raise UsageError(
            f"{str(output)!r} is a file, but several photos are to be written",
            "name a folder with -o",
        )
    return output


def renamed(relative: Path, suffix: str | None, *, whole: bool = False) -> Path:
    """How the output is called: with *suffix*, or with that of what its format becomes.

    Parameters
    ----------
    whole: keep the name of a photo whose suffix changes, as in ``a.heic.jpg``.
    """
    new = suffix or DECODE_ONLY.get(relative.suffix.lower())
    if new is None or (whole and relative.suffix.lower() == new):
        return relative
    return relative.with_name(relative.name + new) if whole else relative.with_suffix(new)


def _marked(stem: str) -> str:
    """The stem with the mark, cut so that the name stays within 255 bytes."""
    room = 240 - len(MARK)
    raw = os.fsencode(stem)
    return (stem if len(raw) <= room else raw[:room].decode(errors="ignore")) + MARK


def _check(jobs: Sequence[FileJob]) -> None:
    sources = {real(job.source): job.source for job in jobs}
    seen: dict[Path, Path] = {}
    folded: dict[str, Path] = {}
    for job in jobs:
        target = real(job.target)
        if target in sources:
            raise OutputError(
                f"the output {str(job.target)!r} would overwrite the input "
                f"{str(sources[target])!r}",
                "name another file or folder with -o",
            )
        alike = _folded(target)
        other = seen.get(target) or folded.get(alike)
        if other and (target in seen or ignores_case(target.parent)):
            raise UsageError(
                f"{str(other)!r} and {str(job.source)!r} would both be written to "
                f"{str(job.target)!r}",
                "enhance them into different folders",
            )
        seen[target] = folded[alike] = job.source


def real(path: Path) -> Path:
    """Where *path* leads; unlike ``Path.resolve``, links in a circle are left to whoever opens."""
    return Path(os.path.realpath(path))


def _folded(path: Path) -> str:
    """The same for all names that a disk which ignores case takes for one."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def ignores_case(folder: Path) -> bool:
    """Whether the disk of *folder*, or of the nearest one that is there, takes a for A."""
    while not folder.is_dir():
        folder = folder.parent
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".undegrade-", suffix=".a") as file:
            return Path(file.name).with_suffix(".A").exists()
    except OSError:
        return False
