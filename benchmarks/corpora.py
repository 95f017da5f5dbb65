"""Give the files of test collections to what enhances one photo, and count what comes of them.

    python benchmarks/corpora.py FOLDER... [--fuzz 600] [--above 0.3]

Every picture file in a folder goes the way of ``undegrade enhance``. It has to end in a result, or
in one line of refusal: an internal error, a result of another size, one that cannot be read again,
changed bytes of a photo that is left alone, and tags that are gone without a note are faults, and
end this command with 1. ``--fuzz`` cuts and changes so many files at random, too. The networks are
only asked of pictures up to ``--above`` megapixels; larger ones are read, written and read again.

Prints rows of docs/hardness.md; with ``--list``, each refusal with its files.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from undegrade.batch.jobs import SUFFIXES
from undegrade.enhancer import Enhancer
from undegrade.errors import InputError
from undegrade.picture import Picture, decode, encode, losses
from undegrade.work import Order, failure_of, work

LIMIT = 40.0
"""Megapixels above which a file is refused, so that bombs do not take the afternoon."""
TAGS = ("exif", "iptc", "xmp", "icc")
MOST_BYTES = 64 * 1024 * 1024
"""Bytes above which a file is passed over."""


@dataclass
class Tally:
    """What came of the files of one collection."""

    counts: Counter[str] = field(default_factory=Counter)
    refusals: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    faults: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        """For docs/hardness.md."""
        kinds = ("enhanced", "left", "read", "refused")
        numbers = [str(self.counts[kind]) for kind in kinds]
        files = str(sum(self.counts.values()))
        return f"| {' | '.join([name, files, *numbers, str(len(self.faults))])} |"


def try_file(enhancer: Enhancer, data: bytes, name: str, above: float, tally: Tally) -> None:
    """One file, counted; whatever it raises is told apart."""
    try:
        tally.counts[_outcome(enhancer, data, name, above)] += 1
    except AssertionError as error:
        tally.counts["fault"] += 1
        tally.faults.append(f"{name}: {error}")
    except Exception as error:
        failure = failure_of(error, name)
        if failure.kind == "internal":
            tally.counts["fault"] += 1
            tally.faults.append(f"{name}: {error!r}")
        else:
            tally.counts["refused"] += 1
            tally.refusals[str(failure.error).split("': ")[-1][:100]].append(name)


def _outcome(enhancer: Enhancer, data: bytes, name: str, above: float) -> str:
    frame = None
    try:
        picture = decode(data, name=name, max_megapixels=LIMIT)
    except InputError as error:
        if "--frame" not in str(error):
            raise
        frame = 1
        picture = decode(data, name=name, max_megapixels=LIMIT, frame=frame)
    if picture.width * picture.height > above * 1e6 or picture.encoding.format == "RAW":
        written, notes, kind = encode(picture), [*picture.notes, *losses(picture)], "read"
    else:
        done = work(enhancer, data, name, Order(max_megapixels=LIMIT, frame=frame))
        if done.copied:
            assert done.data == data, "left alone, but its bytes have changed"
            return "left"
        written, notes, kind = done.data, done.report["notes"], "enhanced"
    _compare(picture, decode(written, name=f"result of {name}"), notes)
    return kind


def _compare(picture: Picture, again: Picture, notes: list[str]) -> None:
    sizes = [(one.width, one.height) for one in (picture, again)]
    assert sizes[0] == sizes[1], f"{sizes[0]} became {sizes[1]}"
    gone = [
        tag for tag in TAGS if getattr(picture.metadata, tag) and not getattr(again.metadata, tag)
    ]
    if "exif" in gone and picture.metadata.exif:
        exif = Image.Exif()
        exif.load(picture.metadata.exif)
        if set(exif) <= {Base.Orientation}:  # which has been obeyed
            gone.remove("exif")
    told = " ".join(notes).lower()
    silent = [tag for tag in gone if {"icc": "profile"}.get(tag, tag) not in told]
    assert not silent, f"{', '.join(silent)} lost without a note"


def fuzzed(files: list[Path], count: int) -> Iterator[tuple[bytes, str]]:
    """Files cut short, with bytes changed, or with a part moved, by a stored seed."""
    rng = np.random.default_rng(0)
    small = [path for path in files if path.stat().st_size < 200_000]
    for number in range(count if small else 0):
        path = small[int(rng.integers(len(small)))]
        data = np.frombuffer(path.read_bytes(), np.uint8).copy()
        kind = number % 3
        if len(data) < 16:
            continue
        if kind == 0:
            data = data[: int(rng.integers(1, len(data)))]
        elif kind == 1:
            at = rng.integers(0, len(data), int(rng.integers(1, 20)))
            data[at] = rng.integers(0, 256, len(at))
        else:
            first, last = sorted(int(x) for x in rng.integers(0, len(data), 2))
            data = np.concatenate([data[:first], data[last:], data[first:last]])
        yield data.tobytes(), f"fuzzed-{number}-{path.name}"


def pictures(folder: Path) -> list[Path]:
    """Every file with the name of a picture in *folder*, hidden ones too."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.stat().st_size < MOST_BYTES
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--fuzz", type=int, default=0, help="further files, cut and changed")
    parser.add_argument("--above", type=float, default=0.3, help="megapixels for networks")
    parser.add_argument("--list", action="store_true", help="name the files that are refused")
    options = parser.parse_args()
    warnings.simplefilter("error")  # what a library has to say must not reach users
    enhancer, tallies, everything = Enhancer(), {}, []
    for folder in options.folders:
        tally, files = Tally(), pictures(folder)
        everything += files
        for path in files:
            name = str(path.relative_to(folder))
            try_file(enhancer, path.read_bytes(), name, options.above, tally)
        tallies[folder.name] = tally
        print(tally.row(folder.name), *tally.faults, sep="\n", flush=True)
    if options.fuzz:
        tallies["cut and changed"] = tally = Tally()
        for data, name in fuzzed(everything, options.fuzz):
            try_file(enhancer, data, name, options.above, tally)
        print(tally.row("cut and changed"), *tally.faults, sep="\n")
    for name, tally in tallies.items():
        for why, names in sorted(tally.refusals.items()) if options.list else ():
            print(f"{name}: {len(names)} refused: {why}: {', '.join(names[:4])}")
    sys.exit(any(tally.faults for tally in tallies.values()))


if __name__ == "__main__":
    main()
