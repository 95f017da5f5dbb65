"""Small git repositories of pictures, made on the spot."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    """What a command of git prints."""
    done = subprocess.run(
        ["git", "-C", str(folder), *IDENTITY, *arguments], capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def commit(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put *files* into the repository *folder*, which is made where it is not there."""
    if not (folder / ".git").exists():
        folder.mkdir(parents=True)
        git(folder, "init", "-q")
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "more")


def bare(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A bare clone at *folder* of a repository with *files*."""
    work = folder.parent / f"{folder.name}.work"
    commit(work, files)
    git(work, "clone", "-q", "--bare", str(work), str(folder))
    return folder
