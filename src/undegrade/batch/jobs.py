"""From what the command line names to pairs of input and output."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from undegrade.errors import InputError, OutputError, UsageError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"}
    | {".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"}
)
"""Files of a folder that are taken for photos."""
DECODE_ONLY = {".heic": ".jpg", ".heif": ".jpg"} | dict.fromkeys(
    (".gif", ".jp2", ".pgm", ".pnm", ".ppm", ".qoi"), ".png"
)
"""What a format that is read but not written becomes."""
MARK = "-enhanced"


@dataclass(frozen=True)
class FileJob:
    """One photo to enhance."""

    source: Path
    target: Path


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
                found = _photos(path, recursive, output or tree)
                if not found:
                    raise _no_photo(path, recursive)
                files += [(photo, photo.relative_to(path)) for photo in found]
            else:
                files.append((path, Path(path.name)))
    files = list(dict.fromkeys(files))  # a photo named twice is done once
    single = len(files) == 1 and tree is None and not into
    folder = _output_folder(output, tree, single)
    jobs = []
    for source, relative in files:
        if single and output is not None and folder is None:
            target = output if suffix is None else output.with_suffix(suffix)
        elif folder is not None:
            target = folder / _renamed(relative, suffix)
        else:
            named = _renamed(Path(source.name), suffix)
            target = source.with_name(_marked(named.stem) + named.suffix)
        jobs.append(FileJob(source, target))
    _check(jobs)
    return jobs, folder


def photos(inputs: Sequence[str], *, recursive: bool = False) -> list[Path]:
    """The photos that files, folders and globs name, for what writes no pictures.

    Raises
    ------
    InputError: a folder or a pattern holds none.
    """
    files: list[Path] = []
    for text in inputs:
        for path in _expand(text):
            if not _can_be(path.is_dir):
                files.append(path)
            elif found := _photos(path, recursive, path):
                files += found
            else:
                raise _no_photo(path, recursive)
    return list(dict.fromkeys(files))


def _expand(text: str) -> Iterable[Path]:
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


def _photos(folder: Path, recursive: bool, output: Path) -> list[Path]:
    """The photos in *folder*, but none that is hidden (such as the ``._a.jpg`` that macOS leaves on
    other disks) or lies in an *output* folder further down in it.
    """
    try:
        found = sorted(folder.rglob("*") if recursive else folder.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot look into the folder {str(folder)!r}: {error.strerror}",
            "check its permissions",
        ) from None
    own, whole = output.resolve(), folder.resolve()
    inside = own != whole and own.is_relative_to(whole)
    return [
        path
        for path in found
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not (inside and path.resolve().is_relative_to(own))
    ]


def _no_photo(folder: Path, recursive: bool) -> InputError:
    hint = "" if recursive else "; add --recursive to look into its sub-folders"
    return InputError(f"no photo in the folder {str(folder)!r}", f"check it{hint}")


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


def _renamed(relative: Path, suffix: str | None) -> Path:
    new = suffix or DECODE_ONLY.get(relative.suffix.lower())
    return relative.with_suffix(new) if new else relative


def _marked(stem: str) -> str:
    """The stem with the mark, cut so that the name stays within 255 bytes."""
    room = 240 - len(MARK)
    raw = os.fsencode(stem)
    return (stem if len(raw) <= room else raw[:room].decode(errors="ignore")) + MARK


def _check(jobs: Sequence[FileJob]) -> None:
    sources = {job.source.resolve(): job.source for job in jobs}
    seen: dict[Path, Path] = {}
    for job in jobs:
        target = job.target.resolve()
        if target in sources:
            raise OutputError(
                f"the output {str(job.target)!r} would overwrite the input "
                f"{str(sources[target])!r}",
                "name another file or folder with -o",
            )
        if target in seen:
            raise UsageError(
                f"{str(seen[target])!r} and {str(job.source)!r} would both be written to "
                f"{str(job.target)!r}",
                "enhance them into different folders",
            )
        seen[target] = job.source
