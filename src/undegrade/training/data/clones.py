"""Clones of git repositories, bare or not, whose files are read without checking anything out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from undegrade.errors import InputError, UsageError

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

        Raises
        ------
        InputError: it has none, or is damaged.
        """
        return _git(self, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()

    def blobs(self) -> Iterator[Blob]:
        """Every file of the newest commit, links and submodules left out.

        Raises
        ------
        InputError: it has none, or is damaged.
        """
        for line in _git(self, "ls-tree", "-r", "-l", "-z", "HEAD").split(b"\0"):
            facts, _, path = line.partition(b"\t")
            mode, kind, name, size = (facts.split() + [b""] * 4)[:4]
            if kind == b"blob" and mode != b"120000":
                length = int(size) if size.isdigit() else None
                yield Blob(path.decode("utf-8", "replace"), name.decode(), length)

    def read(self, blob: Blob) -> bytes:
        """All bytes of a file.

        Raises
        ------
        InputError: the clone is partial and lacks it, or is damaged.
        """
        return _git(self, "cat-file", "blob", blob.id)


def clone_at(folder: Path) -> Clone | None:
    """The clone that *folder* is, if it is one."""
    for inner in (folder, folder / ".git"):
        if (inner / "HEAD").is_file() and (inner / "objects").is_dir():
            return Clone(inner)
    return None


def find_clones(folder: Path) -> Iterator[tuple[Path, Clone]]:
    """The clone that *folder* is, or all that lie in it, with their folders, in name order.

    Raises
    ------
    InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {str(folder)!r}", "give the folder of a clone")
    yield from _below(folder, DEEPEST)


def need_git() -> None:
    """Refuse to go on without git.

    Raises
    ------
    UsageError: it is not installed.
    """
    if shutil.which("git") is None:
        raise UsageError(
            "clones are read by git, which is not installed or not on PATH",
            "install git, such as by your system's package manager",
        )


def _below(folder: Path, depth: int) -> Iterator[tuple[Path, Clone]]:
    clone = clone_at(folder)
    if clone:
        yield folder, clone
    elif depth:
        try:
            inner = sorted(path for path in folder.iterdir() if path.is_dir())
        except OSError as error:
            raise InputError(
                f"cannot read {str(folder)!r}: {error.strerror or error}", "allow reading it"
            ) from None
        for path in inner:
            yield from _below(path, depth - 1)


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
