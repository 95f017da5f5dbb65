"""Public sets, found by the tables of :mod:`undegrade.training.data.layouts`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from undegrade.errors import InputError, UsageError
from undegrade.training.data.entry import Entry, Survey, paired
from undegrade.training.data.files import Place, is_image, list_files
from undegrade.training.data.layouts import LAYOUTS, Split, pattern


def find_published(name: str, part: str, path: Path, pairs: bool) -> Survey:
    """The pictures, or the *pairs*, of a part of a layout below a folder or inside a tar pack.

    Raises
    ------
    InputError: *path* cannot be read, or lacks the list that tells the parts.
    UsageError: the layout has no pairs.
    """
    layout = LAYOUTS[name]
    split = layout.splits[part]
    if pairs and not split.inputs:
        raise UsageError(f"the layout {name!r} has no pairs", "leave out pairs, or take another")
    files = list_files(path)
    # The folder's own name stands before, because it may be one part of the set.
    root = path.resolve().name
    targets = _matching(files, root, split.targets)
    if layout.parts:
        listed = _listed(name, layout.parts, files)
        targets = {
            file: number
            for file, number in targets.items()
            if listed.get(PurePosixPath(file).name) == split.listed
        }
    if pairs:
        inputs = _matching(files, root, split.inputs)
        if layout.darker_half:
            inputs = _darker_half(inputs)
        survey = paired(files, inputs, targets, layout.scale)
    else:
        survey = Survey([Entry(file, files[file]) for file in targets])
    if split.count and targets and len(targets) != split.count:
        survey.notes.append(_compared(split, [int(number) for number in targets.values()]))
    return survey


def _matching(files: Mapping[str, Place], root: str, text: str) -> dict[str, str]:
    """The pictures that match a pattern, with their numbers."""
    expression = pattern(text)
    found = {}
    for name in filter(is_image, files):
        match = expression.match(f"{root}/{PurePosixPath(name).with_suffix('')}")
        if match:
            found[name] = match["n"]
    return found


def _darker_half(inputs: Mapping[str, str]) -> dict[str, str]:
    """The first half of each stack of exposures by number, the middle one left out."""
    stacks: dict[str, list[str]] = {}
    for name in sorted(inputs, key=_exposure):
        stacks.setdefault(inputs[name], []).append(name)
    kept = {name for stack in stacks.values() for name in stack[: len(stack) // 2]}
    return {name: number for name, number in inputs.items() if name in kept}


def _exposure(name: str) -> tuple[int, str]:
    """Order inside a stack: 2 stands before 10."""
    digits = re.search(r"\d+", PurePosixPath(name).stem)
    return int(digits[0]) if digits else 0, name


def _listed(layout: str, stem: str, files: Mapping[str, Place]) -> dict[str, str]:
    """The part of each file name, from lines such as ``000001.jpg 0``."""
    for name, place in files.items():
        if PurePosixPath(name).stem == stem and not is_image(name):
            lines = place.read().decode("utf-8", "replace")
            return dict(re.findall(r"^(\S+?)[ ,\t]+(\S+)\s*$", lines, re.MULTILINE))
    raise InputError(
        f"{stem}.txt is missing, which tells the parts of {layout!r}",
        "give the folder that holds both it and the pictures",
    )


def _compared(split: Split, numbers: Sequence[int]) -> str:
    """How the targets differ from what was published."""
    note = f"{len(numbers)} of {split.count} published pictures are there"
    if split.first is None:
        return note
    lacking = sorted({*range(split.first, split.first + split.count)} - {*numbers})
    shown = ", ".join(map(str, lacking[:5])) + (", ..." if lacking[5:] else "")
    return f"{note}, not number {shown}" if lacking else note
