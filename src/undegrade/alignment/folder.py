"""Folders of phone and DSLR photos in, aligned windows, a manifest and a report out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undegrade.alignment.homography import Photo, opencv
from undegrade.alignment.report import MOST, chapter, page
from undegrade.alignment.windows import Alignment, Window, WindowSettings, align
from undegrade.batch.jobs import photos_in
from undegrade.batch.pairs import Failure, Progress
from undegrade.errors import Cancelled, InputError, OutputError, UndegradeError, UsageError
from undegrade.picture import decode, encode, from_array, write_atomic
from undegrade.picture.alpha import to_depth
from undegrade.picture.colour import in_srgb

MANIFEST = "manifest.jsonl"
REPORT = "report.html"
SIDES = ("phone", "dslr")


@dataclass(frozen=True)
class AlignSummary:
    """What :func:`align_pairs` did."""

    manifest: Path
    report: Path
    aligned: int
    """Pairs of photos that were laid over each other."""
    kept: int
    """Pairs of windows that were written."""
    refused: int
    """Windows that were not alike."""
    failed: tuple[Failure, ...]
    """Photos without a partner, and pairs that could not be aligned."""


@dataclass(frozen=True)
class _Pair:
    name: str
    """What the two have in common: the path in their folders, without the suffix."""
    phone: Path
    dslr: Path

    def relative(self, path: Path) -> str:
        """One of the two, seen from its folder."""
        return (Path(self.name).parent / path.name).as_posix()


def align_pairs(
    phone: Path,
    dslr: Path,
    output: Path,
    settings: WindowSettings | None = None,
    *,
    progress: Progress | None = None,
) -> AlignSummary:
    """Align the photos of two folders, or two photos, and write the windows that are alike.

    ``phone/000000.png`` and ``dslr/000000.png`` are one window, 8-bit sRGB, numbered through all
    pairs. A pair that fails is named in the summary and the rest go on.

    Parameters
    ----------
    phone, dslr: two files, or two folders (searched through, hidden files left out) whose photos
        belong together where their paths without the suffix are equal.
    output: a folder that holds no windows yet.

    Each line of ``manifest.jsonl`` is a JSON object for one window, in order, refused ones too:
    ``pair``, ``phone`` and ``dslr`` (the photos, seen from their folders), ``box`` ([x, y, width,
    height] in the phone's photo), ``shift`` ([dx, dy]), ``correlation``, ``verdict``, ``windows``
    (the two files, or null), ``homography`` (rows), ``matches``, ``inliers``, ``magnification``.
    The DSLR's position for a phone pixel (x, y) of the window is homography (x + dx, y + dy, 1).
    Whole numbers are the centres of pixels; both photos upright.

    Raises
    ------
    UsageError: a file and a folder, or OpenCV is not installed.
    InputError: an input that is not there, or no photos.
    OutputError: the output folder holds windows, or manifest or report cannot be written.
    """
    cv2 = opencv()
    settings = settings or WindowSettings()
    phone, dslr, output = Path(phone), Path(dslr), Path(output)
    pairs, failed = _pairs(phone, dslr)
    _check_output(output)
    lines: list[str] = []
    chapters: list[str] = []
    aligned = kept = 0
    try:
        for done, pair in enumerate(pairs, start=1):
            try:
                found = align(_read(pair.phone), _read(pair.dslr), settings)
                if len(chapters) < MOST:
                    chapters.append(chapter(pair.name, found))
                for window in found.windows:
                    files = _write(found, window, output, kept)
                    kept += files is not None
                    lines.append(json.dumps(_line(pair, found, window, files)))
                aligned += 1
            except Cancelled:
                raise
            except (UndegradeError, OSError, ValueError, MemoryError, cv2.error) as error:
                failed.append(Failure(pair.name, " ".join(str(error).split()) or repr(error)))
            if progress is not None:
                progress(done, len(pairs), pair.name)
    finally:
        manifest, report = output / MANIFEST, output / REPORT
        write_atomic(manifest, "".join(line + "\n" for line in lines).encode("ascii"))
        summary = AlignSummary(manifest, report, aligned, kept, len(lines) - kept, tuple(failed))
        write_atomic(report, page(chapters, _totals(summary, settings), failed).encode())
    return summary


def _pairs(phone: Path, dslr: Path) -> tuple[list[_Pair], list[Failure]]:
    """Photos that belong together, in the order of the names, and what has no partner."""
    for path in (phone, dslr):
        if not path.exists():
            raise InputError(f"{path} is neither a file nor a folder", "check the name")
    if phone.is_file() and dslr.is_file():
        return [_Pair(phone.stem, phone, dslr)], []
    if phone.is_file() or dslr.is_file():
        raise UsageError(
            f"of {phone} and {dslr} one is a file and one a folder",
            "give two photos, or two folders",
        )
    if phone.resolve() == dslr.resolve():
        raise UsageError(f"{phone} is given twice", "give the phone's folder and the DSLR's")
    here, there = _by_stem(phone), _by_stem(dslr)
    pairs, failed = [], []
    for stem in sorted(here.keys() | there.keys()):
        ours, theirs = here.get(stem, []), there.get(stem, [])
        if len(ours) == len(theirs) == 1:
            pairs.append(_Pair(stem, ours[0], theirs[0]))
        else:
            count = f"{len(ours)} phone and {len(theirs)} DSLR photos have this name"
            failed.append(Failure(stem, f"{count}; one of each is needed"))
    if not pairs:
        raise InputError(
            f"no photo in {phone} has the name of one in {dslr}",
            "give the two photos of a scene the same name, such as 7.jpg and 7.png",
        )
    return pairs, failed


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in photos_in(folder, True, folder):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        found.setdefault(stem, []).append(path)
    return found


def _check_output(output: Path) -> None:
    """Windows of another run would be taken for windows of this one."""
    for side in SIDES:
        folder = output / side
        if folder.is_dir() and any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty", "empty it, or choose another folder")


def _read(path: Path) -> Photo:
    """A photo as 8-bit sRGB in three channels; transparency is left out."""
    picture = decode(path)
    pixels = to_depth(in_srgb(picture.pixels, picture.colour), np.uint8)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return np.asarray(pixels, dtype=np.uint8)


def _write(found: Alignment, window: Window, output: Path, number: int) -> dict[str, str] | None:
    """The names of the two files of a kept window, relative to *output*."""
    if window.verdict != "kept":
        return None
    files = {}
    for side, pixels in zip(SIDES, found.cut(window), strict=True):
        files[side] = f"{side}/{number:06d}.png"
        write_atomic(output / files[side], encode(from_array(pixels), format="PNG"))
    return files


def _line(
    pair: _Pair, found: Alignment, window: Window, files: dict[str, str] | None
) -> dict[str, Any]:
    """One line of the manifest."""
    box = window.box
    return {
        "pair": pair.name,
        "phone": pair.relative(pair.phone),
        "dslr": pair.relative(pair.dslr),
        "box": [box.x, box.y, box.width, box.height],
        "shift": [round(window.dx, 4), round(window.dy, 4)],
        "correlation": round(window.correlation, 6),
        "verdict": window.verdict,
        "windows": files,
        "homography": found.homography.matrix.tolist(),
        "matches": found.homography.matches,
        "inliers": found.homography.inliers,
        "magnification": round(found.magnification, 4),
    }


def _totals(summary: AlignSummary, settings: WindowSettings) -> Sequence[tuple[str, str]]:
    """The first table of the report."""
    return [
        ("pairs aligned", str(summary.aligned)),
        ("photos or pairs failed", str(len(summary.failed))),
        ("windows kept", f"{summary.kept} of {summary.kept + summary.refused}"),
        ("window", f"{settings.size} x {settings.size} pixels"),
        ("largest shift", f"{settings.search} pixels"),
        ("least correlation", f"{settings.threshold:g}"),
    ]
