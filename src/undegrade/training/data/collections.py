"""Free photographs in public repositories: where they lie, on what terms, and how clones are read.

``collections.toml`` beside this file is the table; users may give their own. Patterns are shell
patterns over whole paths, whose ``*`` stands for slashes, too. Nothing is ever checked out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from undegrade.errors import InputError, UsageError
from undegrade.training.data.files import is_image

TABLE = "collections.toml"


@dataclass(frozen=True)
class LeftOut:
    """Pictures of a collection that are not to be trained on."""

    paths: tuple[str, ...]
    """Patterns."""
    why: str


@dataclass(frozen=True)
class Collection:
    """Pictures of one repository under one set of terms."""

    name: str
    """Of its own in the table; that of the repository where it has one collection."""
    repository: str
    """``owner/name``."""
    terms: str
    """Licences as the repository states them, for the card of a model."""
    paths: tuple[str, ...] = ("*",)
    """Patterns of its pictures."""
    reduced: bool = False
    """Whether its pictures have been reduced already, and are taken as they are."""
    least_bytes: int = 150_000
    """Smaller files are icons, previews and flat drawings."""
    clean: tuple[str, ...] = ()
    """Patterns of pictures that were looked at: what is measured as noise is fine texture."""
    leave_out: tuple[LeftOut, ...] = field(default_factory=tuple)

    def holds(self, path: str, size: int | None) -> bool:
        """Whether a file of *size* bytes, None where that is not known, is one of its pictures."""
        large = size is None or size >= self.least_bytes
        return large and is_image(path) and _matches(path, self.paths)

    def reason(self, path: str) -> str:
        """Why a picture is not to be trained on; empty if it is."""
        return next((one.why for one in self.leave_out if _matches(path, one.paths)), "")

    def looked_at(self, path: str) -> bool:
        """Whether a picture was found to be clean by eye."""
        return _matches(path, self.clean)


def load_collections(path: Path | None = None) -> dict[str, Collection]:
    """The packaged table, or that of a file, by name and in its order.

    Raises
    ------
    InputError: no such file, or not TOML.
    UsageError: a key that is unknown, missing or of the wrong kind; the message names it.
    """
    shown = str(path or TABLE)
    try:
        if path is None:
            text = resources.files(__package__).joinpath(TABLE).read_text("utf-8")
        else:
            text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"cannot read the table {shown!r}: {error}", "check the file") from None
    found: dict[str, Collection] = {}
    for row in _tables(data, "collection", shown):
        one = _collection(row, shown)
        if one.name in found:
            raise UsageError(f"{shown}: two collections are called {one.name!r}", "rename one")
        found[one.name] = one
    if not found:
        raise UsageError(f"{shown}: it holds no collection", "add a table [[collection]]")
    return found


def _collection(row: Mapping[str, Any], shown: str) -> Collection:
    repository = row.get("repository")
    where = f"{shown}: collection {row.get('name', repository)!r}"
    _check(row, Collection, ("repository", "terms"), where)
    rest = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    out = []
    for inner in _tables(row, "leave_out", where):
        _check(inner, LeftOut, ("paths", "why"), where)
        out.append(LeftOut(tuple(inner["paths"]), inner["why"]))
    return Collection(**{"name": repository} | rest | {"leave_out": tuple(out)})


def _check(row: Mapping[str, Any], kind: type, needed: tuple[str, ...], where: str) -> None:
    """Refuse a table that cannot become an instance of the dataclass *kind*."""
    hints = get_type_hints(kind).items()
    kinds = {key: list if get_origin(hint) is tuple else hint for key, hint in hints}
    for key in needed:
        if not row.get(key):
            raise UsageError(f"{where} has no {key}", "add it")
    for key, value in row.items():
        if key not in kinds:
            raise UsageError(f"{where} has the unknown key {key!r}", f"use {', '.join(kinds)}")
        fits = type(value) is kinds[key]
        if fits and kinds[key] is list and key != "leave_out":
            fits = all(isinstance(one, str) for one in value)
        if not fits:
            raise UsageError(f"{where}: {key} = {value!r} is of the wrong kind", "correct it")


def _tables(data: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    rows = data.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{where}: {key} is no list of tables", f"write [[{key}]]")
    return rows


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


DEEPEST = 3
"""Folders below a given one in which clones are looked for."""


@dataclass(frozen=True)
class Blob:
    """A file of a clone's newest commit."""

    path: str
    """With forward slashes, seen from the root of the repository."""
    id: str
    """Name of its content."""
    size: int | None
    """Bytes; None where a partial clone lacks it."""


@dataclass(frozen=True)
class Clone:
    """A repository on disk."""

    folder: Path
    """Of git itself: a bare clone, or the ``.git`` of another."""

    def origin(self) -> str:
        """The last two parts of where it was cloned from, ``owner/name``; empty if not known."""
        try:
            url = _git(self, "config", "--get", "remote.origin.url").decode("utf-8", "replace")
        except InputError:
            return ""
        parts = re.split(r"[/:]", url.strip().removesuffix("/").removesuffix(".git"))
        return "/".join(parts[-2:]) if len(parts) > 1 else ""

    def commit(self) -> str:
        """Name of the newest commit.

        Raises :class:`InputError` where it has none, or is damaged.
        """
        return _git(self, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()

    def blobs(self) -> Iterator[Blob]:
        """Every file of the newest commit, links and submodules left out.

        Raises :class:`InputError` where it has none, or is damaged.
        """
        for line in _git(self, "ls-tree", "-r", "-l", "-z", "HEAD").split(b"\0"):
            facts, _, path = line.partition(b"\t")
            mode, kind, name, size = (facts.split() + [b""] * 4)[:4]
            if kind == b"blob" and mode != b"120000":
                length = int(size) if size.isdigit() else None
                yield Blob(path.decode("utf-8", "replace"), name.decode(), length)

    def read(self, blob: str) -> bytes:
        """All bytes of the file whose content is called *blob*.

        Raises :class:`InputError` where the clone is partial and lacks it, or is damaged.
        """
        return _git(self, "cat-file", "blob", blob)


def find_clones(folder: Path, depth: int = DEEPEST) -> Iterator[tuple[Path, Clone]]:
    """The clone that *folder* is, or all that lie up to *depth* folders below it, in name order.

    Each comes with its folder. Raises :class:`InputError` where there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {str(folder)!r}", "give the folder of a clone")
    for inside in (folder, folder / ".git"):
        if (inside / "HEAD").is_file() and (inside / "objects").is_dir():
            yield folder, Clone(inside)
            return
    if depth:
        try:
            inner = sorted(path for path in folder.iterdir() if path.is_dir())
        except OSError as error:
            raise InputError(
                f"cannot read {str(folder)!r}: {error.strerror or error}", "allow reading it"
            ) from None
        for path in inner:
            yield from find_clones(path, depth - 1)


def need_git() -> None:
    """Raise :class:`UsageError` where git is not installed."""
    if shutil.which("git") is None:
        raise UsageError(
            "clones are read by git, which is not installed or not on PATH",
            "install git, such as by your system's package manager",
        )


def _git(clone: Clone, *arguments: str) -> bytes:
    """What a command of git prints.

    A partial clone is taken as it is: nothing is fetched.
    """
    need_git()
    quiet = {"GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", "--git-dir", str(clone.folder), *arguments],
        capture_output=True,
        env={**os.environ, **quiet},
        check=False,
    )
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise InputError(
            f"git cannot read {str(clone.folder)!r}: {why[-1]}", "clone it anew, whole"
        )
    return done.stdout
