"""Test sets: folders or tar packs of pictures, or of pairs of them, read one at a time."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from posixpath import commonpath

import numpy as np

from undegrade.errors import InputError
from undegrade.imaging.arrays import Bytes
from undegrade.picture import decode
from undegrade.picture.alpha import to_depth

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".ppm", ".pgm"}
)
"""Files that are taken for pictures."""

INPUTS = frozenset(
    {"blackberry", "dark", "degraded", "input", "inputs", "iphone", "low", "lq", "lr", "noisy"}
    | {"phone", "sony"}
)
"""Names of folders that hold what a network is given."""

TRUTHS = frozenset(
    {"canon", "clean", "dslr", "gt", "high", "hq", "hr", "normal", "target", "targets", "truth"}
)
"""Names of folders that hold what it should make of it."""


@dataclass(frozen=True, eq=False)
class Photo:
    """One picture of a test set, decoded."""

    name: str
    pixels: Bytes
    """The undamaged picture, or the only one there is."""
    damaged: Bytes | None
    """Its damaged partner in a set of pairs."""
    quality: float | None
    """JPEG quality that the tables of the file to be enhanced tell."""
    file: bytes
    """The file to be enhanced: of the damaged partner where there is one."""
    digest: str
    """sha256 of shapes and pixels: the same whatever lossless format they are kept in."""


@dataclass(frozen=True, eq=False)
class Item:
    """One picture of a test set, not yet read."""

    name: str
    """Path inside the set, without suffix."""
    file: Callable[[], bytes]
    partner: Callable[[], bytes] | None = None
    """The damaged picture of a pair."""

    def read(self) -> Photo:
        """Decode; transparency is dropped, 16 bit rounded to 8, colour profiles are not applied.

        Raises :class:`InputError` for what is no picture, and for a pair of two sizes.
        """
        pixels, quality, file = _decoded(self.file, self.name)
        digest = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes())
        damaged = None
        if self.partner is not None:
            damaged, quality, file = _decoded(self.partner, self.name)
            if damaged.shape[:2] != pixels.shape[:2]:
                (h, w), (height, width) = damaged.shape[:2], pixels.shape[:2]
                raise InputError(
                    f"the pair {self.name!r} has {w}x{h} pixels and a truth of {width}x{height}",
                    "bring both to one size, or remove the pair",
                )
            digest.update(f"{damaged.shape}".encode() + damaged.tobytes())
        return Photo(self.name, pixels, damaged, quality, file, digest.hexdigest())


@dataclass(frozen=True, eq=False)
class TestSet:
    """A folder or pack: what it is called and what it holds, in the order of names."""

    __test__ = False  # no test of pytest's

    name: str
    items: tuple[Item, ...]

    @property
    def paired(self) -> bool:
        """Whether it consists of pairs."""
        return all(item.partner is not None for item in self.items)


def open_set(source: Path) -> TestSet:
    """The test set in a folder, searched through, or in an uncompressed tar pack.

    Where two sibling folders are called such as ``low`` and ``high``, their files of one name,
    whatever the suffixes, are pairs.

    Raises :class:`InputError`: nothing there, no pictures, a pack that is compressed or broken, a
    picture of a pair without its partner, two files that differ in the suffix alone.
    """
    if source.is_dir():
        files = _of_folder(source)
    elif source.is_file():
        files = _of_tar(source)
    else:
        raise InputError(f"there is no test set {str(source)!r}", "check the path")
    pictures = {
        name: read
        for name, read in sorted(files.items())
        if PurePosixPath(name).suffix.lower() in SUFFIXES
        and not PurePosixPath(name).name.startswith(".")
    }
    if not pictures:
        raise InputError(
            f"the test set {str(source)!r} holds no pictures", "give a folder or a .tar of pictures"
        )
    name = source.stem if source.is_file() else source.resolve().name
    return TestSet(name, tuple(_items(pictures, str(source))))


def fingerprint(digests: Iterable[str]) -> str:
    """sha256 of a set: of its pictures' digests, in whatever order they came."""
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def _items(files: Mapping[str, Callable[[], bytes]], source: str) -> Iterator[Item]:
    inputs: dict[str, str] = {}
    truths: dict[str, str] = {}
    others: dict[str, str] = {}
    for path in files:
        side, name = _side(PurePosixPath(path))
        part = {"input": inputs, "truth": truths}.get(side, others)
        if name in part:
            raise InputError(
                f"{source} holds {part[name]!r} and {path!r}, which have one name", "remove one"
            )
        part[name] = path
    if not (inputs and truths):
        truths, inputs = others or inputs or truths, {}
    elif alone := sorted(inputs.keys() ^ truths.keys()):
        present = (inputs | truths)[alone[0]]
        raise InputError(
            f"{source} holds {present!r} but not its partner", "complete the pair, or remove it"
        )
    # Beside the one or the other kind, further pictures are previews and the like.
    shown = _without_common_folder(truths)
    for name in sorted(truths):
        partner = files[inputs[name]] if inputs else None
        yield Item(shown[name], files[truths[name]], partner)


def _side(path: PurePosixPath) -> tuple[str, str]:
    """``input``, ``truth`` or nothing, and the path without that folder and the suffix."""
    folders = list(path.parent.parts)
    for index in reversed(range(len(folders))):
        name = folders[index].lower()
        side = "input" if name in INPUTS else "truth" if name in TRUTHS else ""
        if side:
            del folders[index]
            return side, "/".join([*folders, path.stem])
    return "", "/".join([*folders, path.stem])


def _without_common_folder(names: Iterable[str]) -> dict[str, str]:
    """Names without the folders that all of them lie in: the set's name says the same."""
    parts = {name: PurePosixPath(name) for name in names}
    shared = len(PurePosixPath(commonpath([path.parent for path in parts.values()])).parts)
    return {name: "/".join(path.parts[shared:]) for name, path in parts.items()}


def _of_folder(folder: Path) -> dict[str, Callable[[], bytes]]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes for path in paths}


def _of_tar(pack: Path) -> dict[str, Callable[[], bytes]]:
    def read(offset: int, size: int) -> bytes:
        with pack.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    try:
        # Only an uncompressed pack can be read picture by picture, without unpacking it.
        with tarfile.open(pack, "r:") as tar:
            return {m.name: partial(read, m.offset_data, m.size) for m in tar if m.isfile()}
    except (tarfile.TarError, OSError) as error:
        raise InputError(
            f"{str(pack)!r} is no uncompressed tar pack: {error}", "unpack it and give the folder"
        ) from None


def _decoded(read: Callable[[], bytes], name: str) -> tuple[Bytes, float | None, bytes]:
    """Pixels, the JPEG quality that the file's tables tell, and the file itself."""
    try:
        data = read()
    except OSError as error:
        raise InputError(f"cannot read {name!r}: {error.strerror}", "check the file") from None
    picture = decode(data, name=name)
    return to_depth(picture.pixels, np.uint8), picture.encoding.jpeg_quality, data
