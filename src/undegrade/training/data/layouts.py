"""How public sets lie on disk, as tables of patterns.

A pattern is the end of a path without its suffix: ``{n}`` is a number, which is what an input and
its target share, and ``*`` is anything, or nothing, between two slashes. Upper and lower case are
one, and anything may stand before: a folder may hold the set, be the set, or be one part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from undegrade.errors import InputError, UsageError
from undegrade.training.data.files import Entry, Place, Survey, is_image, list_files, paired


@dataclass(frozen=True)
class Split:
    """One part of a set."""

    targets: str
    """Pattern of the pictures as they should be."""
    inputs: str = ""
    """Pattern of what a network is given to make them from; none where there are no pairs."""
    count: int = 0
    """Targets as published, 0 where that is not known for certain."""
    first: int | None = None
    """Number of the first target where they are numbered without a gap."""
    listed: str = ""
    """Value in the layout's list of parts that a target must have."""


@dataclass(frozen=True)
class Layout:
    """One public set."""

    title: str
    splits: Mapping[str, Split]
    """By name; the first is what ``layout:path`` means, and never a test set."""
    scale: int = 1
    """How many times the targets are larger than the inputs."""
    darker_half: bool = False
    """Of several inputs of one target, only the first half by number counts."""
    parts: str = ""
    """Name of a text file that says for each file name which split it belongs to."""

    @property
    def paired(self) -> bool:
        """Whether it holds pairs."""
        return all(split.inputs for split in self.splits.values())

    def as_dict(self) -> dict[str, Any]:
        """What is known of the set, as plain data."""
        counts = {name: split.count or None for name, split in self.splits.items()}
        return {"title": self.title, "pairs": self.paired, "scale": self.scale, "published": counts}


def pattern(text: str) -> re.Pattern[str]:
    """A pattern of this module as a regular expression with the group ``n``."""
    expression = re.escape(text).replace(r"\{n\}", r"(?P<n>\d+)").replace(r"\*", "[^/]*")
    return re.compile(f"(?:^|.*/){expression}$", re.IGNORECASE)


def _div2k(scale: int = 1) -> Layout:
    def split(part: str, count: int, first: int) -> Split:
        low = f"DIV2K_{part}_LR_bicubic/X{scale}/{{n}}x{scale}" if scale > 1 else ""
        return Split(f"DIV2K_{part}_HR/{{n}}", low, count, first)

    reduced = f", with its reductions by {scale}" if scale > 1 else ""
    return Layout(
        f"DIV2K{reduced} (Agustsson and Timofte, 2017)",
        {"train": split("train", 800, 1), "valid": split("valid", 100, 801)},
        scale,
    )


def _dped(phone: str) -> Layout:
    def split(part: str) -> Split:
        return Split(f"{phone}/{part}/canon/{{n}}", f"{phone}/{part}/{phone}/{{n}}")

    return Layout(
        f"DPED, {phone} and Canon, 100 px (Ignatov et al., 2017)",
        {"train": split("training_data"), "test": split("test_data/patches")},
    )


def _bsds(part: str, count: int) -> Split:
    return Split(f"images/{part}/{{n}}", count=count)


def _sice(part: int, count: int) -> Split:
    folder = f"*Part{part}"
    return Split(f"{folder}/Label/{{n}}", f"{folder}/{{n}}/*", count, 1)


_CELEBA = "img_align_celeba/{n}"

LAYOUTS: Mapping[str, Layout] = {
    "div2k": _div2k(),
    "div2k-x2": _div2k(2),
    "div2k-x3": _div2k(3),
    "div2k-x4": _div2k(4),
    "flickr2k": Layout(
        "Flickr2K (Lim et al., 2017)", {"train": Split("Flickr2K_HR/{n}", count=2650, first=1)}
    ),
    "bsds500": Layout(
        "BSDS500 (Arbelaez et al., 2011)",
        {"train": _bsds("train", 200), "valid": _bsds("val", 100), "test": _bsds("test", 200)},
    ),
    "dped-iphone": _dped("iphone"),
    "dped-sony": _dped("sony"),
    "dped-blackberry": _dped("blackberry"),
    "lol": Layout(
        "LOL, dark and light (Wei et al., 2018)",
        {
            "train": Split("our485/high/{n}", "our485/low/{n}", 485),
            "test": Split("eval15/high/{n}", "eval15/low/{n}", 15),
        },
    ),
    "sice": Layout(
        # The darker three of seven and four of nine are the inputs in Guo et al., 2020 (Zero-DCE).
        "SICE, the darker exposures and their labels (Cai et al., 2018)",
        {"train": _sice(1, 360), "test": _sice(2, 229)},
        darker_half=True,
    ),
    "celeba": Layout(
        "CelebA, aligned and cropped (Liu et al., 2015)",
        {
            "train": Split(_CELEBA, count=162_770, listed="0"),
            "valid": Split(_CELEBA, count=19_867, listed="1"),
            "test": Split(_CELEBA, count=19_962, listed="2"),
        },
        parts="list_eval_partition",
    ),
    "lfw": Layout(
        "Labelled Faces in the Wild (Huang et al., 2007)",
        {"train": Split("lfw*/*/*_{n}", count=13_233)},
    ),
}
"""The public layouts by name."""


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
