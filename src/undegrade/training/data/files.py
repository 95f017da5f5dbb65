"""What sources hold: files of folders and tar packs, and the pictures and pairs they make."""

from __future__ import annotations

import tarfile
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from undegrade.errors import InputError, UsageError

IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)
"""Files that are taken for pictures."""


@dataclass(frozen=True)
class Place:
    """Where the bytes of one file are: a file of its own, or a stretch of a tar pack."""

    path: Path
    member: str = ""
    """Name inside the pack; empty for a file of its own."""
    offset: int = 0
    """First byte of a member."""
    size: int = 0
    """Bytes of a member."""

    def __str__(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def read(self) -> bytes:
        """All bytes; every call opens the file anew, so that threads do not meet.

        Raises :class:`InputError` where it is gone, not readable, cut off, or empty.
        """
        try:
            if self.member:
                with self.path.open("rb") as pack:
                    pack.seek(self.offset)
                    data = pack.read(self.size)
            else:
                data = self.path.read_bytes()
        except OSError as error:
            raise InputError(
                f"cannot read {str(self)!r}: {error.strerror or error}", "check the file"
            ) from None
        if not data or len(data) < self.size:
            raise InputError(f"cannot read {str(self)!r}: it is empty or cut off", "replace it")
        return data


def list_files(path: Path) -> dict[str, Place]:
    """Every file of a folder, searched through, or of an uncompressed tar pack, in name order.

    Names are relative, with forward slashes. Whatever is hidden is left out.

    Raises
    ------
    InputError: nothing is there, it cannot be read, or it is neither a folder nor a tar pack.
    UsageError: a compressed pack, whose members cannot be reached one by one.
    """
    try:
        found = _of_folder(path) if path.is_dir() else _of_pack(path)
    except OSError as error:
        raise InputError(
            f"cannot read {str(path)!r}: {error.strerror or error}", "check the name"
        ) from None
    return {name: found[name] for name in sorted(found) if not _hidden(name)}


def is_image(name: str) -> bool:
    """Whether a file of this name is taken for a picture."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _of_folder(folder: Path) -> dict[str, Place]:
    return {
        path.relative_to(folder).as_posix(): Place(path)
        for path in folder.rglob("*")
        if path.suffix and not path.is_dir()
    }


def _of_pack(path: Path) -> dict[str, Place]:
    try:
        pack = tarfile.open(path, "r:")  # noqa: SIM115 - closed below; the two fail differently
    except tarfile.ReadError:
        if path.stat().st_size and tarfile.is_tarfile(path):
            raise UsageError(
                f"{str(path)!r} is compressed, so that each photo would cost reading all before it",
                "unpack it; photos are compressed already",
            ) from None
        raise InputError(
            f"cannot read {str(path)!r}: it is no tar pack", "give a folder, a tar pack or a .csv"
        ) from None
    with pack:
        try:
            return {
                PurePosixPath(member.name).as_posix(): Place(
                    path, member.name, member.offset_data, member.size
                )
                for member in pack
                if member.isreg() and not member.issparse()
            }
        except tarfile.TarError as error:
            raise InputError(
                f"cannot read {str(path)!r}: it is damaged or cut off ({error})", "fetch it again"
            ) from None


def _hidden(name: str) -> bool:
    """``._a.jpg`` and ``__MACOSX`` are left by macOS in packs and on disks."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


@dataclass(frozen=True)
class Entry:
    """A photo, or a pair of them; nothing is open and nothing is read."""

    name: str
    """Name inside its source; of a pair, the name of its input."""
    target: Place
    """The photo as it should be."""
    input: Place | None = None
    """What a network is given to make it from, where this is a pair."""
    scale: int = 1
    """How many times the target is larger than the input."""

    @property
    def files(self) -> tuple[Place, ...]:
        """Input and target, or the photo alone."""
        return (self.target,) if self.input is None else (self.input, self.target)


@dataclass(frozen=True)
class Gap:
    """Something that a source should hold and does not."""

    name: str
    what: str
    remedy: str


@dataclass
class Survey:
    """What a source holds."""

    entries: list[Entry] = field(default_factory=list)
    """In name order."""
    gaps: list[Gap] = field(default_factory=list)
    """What keeps it from being used as it is."""
    notes: list[str] = field(default_factory=list)
    """What is unlike the published set and does no harm."""


def paired(
    files: Mapping[str, Place],
    inputs: Mapping[str, Hashable],
    targets: Mapping[str, Hashable],
    scale: int = 1,
) -> Survey:
    """Pairs of *inputs* and *targets*, both names with what tells that they belong together.

    Several inputs may share a target. Whatever has no partner is a gap, and so is a second target.
    """
    survey = Survey()

    def lacks(name: str, what: str, remedy: str) -> None:
        survey.gaps.append(Gap(name, what, remedy))

    by_key: dict[Hashable, str] = {}
    for name, key in targets.items():
        if (first := by_key.setdefault(key, name)) != name:
            lacks(name, f"{first!r} and {name!r} are targets of one name", "keep one of them")
    for name, key in inputs.items():
        if key in by_key:
            survey.entries.append(Entry(name, files[by_key[key]], files[name], scale))
        else:
            lacks(name, f"the input {name!r} has no target", "add it, or remove the input")
    wanted = set(inputs.values())
    for key, name in by_key.items():
        if key not in wanted:
            lacks(name, f"the target {name!r} has no input", "add it, or remove the target")
    return survey
