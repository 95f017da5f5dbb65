"""What clients have sent: files in a private folder, under names that nobody can guess."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from undegrade.service.problems import Problem, no_room
from undegrade.service.settings import Settings

PREFIX = "undegrade-"
LOCK = "lock"
"""Held as long as the service lives; a folder whose lock is free was left by a killed one."""
REMEMBERED = 10_000
"""Ids of what is gone, so that its client is told so, and not that it never was."""

Kept = TypeVar("Kept")


def new_id() -> str:
    """128 random bits, fit for a URL."""
    return secrets.token_urlsafe(16)


@dataclass
class Photo:
    """One upload."""

    id: str
    path: Path
    name: str | None
    bytes: int
    frame: int | None
    """Of an animation or a TIFF, from 1."""
    created: float
    """Seconds since 1970."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the worker found: size, format, diagnosis, plan, notes."""
    users: int = 0
    """Unfinished jobs that need the file."""
    deleted: bool = False

    def task(self, do: str, **more: Any) -> dict[str, Any]:
        """Something for a worker to do with it."""
        return {"do": do, "path": str(self.path), "frame": self.frame, **more}

    def as_dict(self, keep: float) -> dict[str, Any]:
        """For the client; *keep* is the seconds that it stays."""
        return {
            "id": self.id,
            "name": self.name,
            "bytes": self.bytes,
            "frame": self.frame,
            **self.facts,
            "expires": stamp(self.created + keep),
        }


class Folder:
    """A folder of our own, nobody else's to read, with an account of what is in it."""

    def __init__(self, settings: Settings) -> None:
        parent = settings.folder or Path(tempfile.gettempdir())
        _remove_left(parent)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # mode 0700
        self._lock = _locked(self.path / LOCK)
        self._most = settings.max_stored
        self.stored = 0
        """Bytes of all finished files."""

    def new_path(self) -> Path:
        """Where a new file can be; its name says nothing."""
        return self.path / secrets.token_hex(16)

    def check_room(self, more: int) -> None:
        """Raises :class:`Problem` ``storage`` where *more* would go over the limit, or the disk."""
        free = shutil.disk_usage(self.path).free
        if self.stored + more > self._most or more > free:
            raise no_room()

    def added(self, size: int) -> None:
        """A file of *size* bytes has been finished."""
        self.stored += size

    def remove(self, path: Path) -> None:
        """Delete a finished file."""
        with suppress(OSError):
            size = path.stat().st_size
            path.unlink()
            self.stored -= size

    def close(self) -> None:
        """Delete everything."""
        if self._lock is not None:
            os.close(self._lock)
        shutil.rmtree(self.path, ignore_errors=True)


class ById(Generic[Kept]):
    """What clients know by ids, as long as it is kept; *noun* is what messages call it."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._kept: dict[str, Kept] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def find(self, id: str) -> Kept:
        """Raises :class:`Problem`: it is gone, or never was."""
        if id in self._kept:
            return self._kept[id]
        if id in self._gone:
            raise Problem("gone", f"this {self._noun} has been deleted", "send the photo again")
        raise Problem("not-found", f"there is no such {self._noun}", "send the photo again")

    def _drop(self, id: str) -> Kept:
        """Keep no more than the id; raises as :meth:`find` does."""
        found = self.find(id)
        del self._kept[id]
        self._gone[id] = None
        if len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)
        return found

    def __len__(self) -> int:
        return len(self._kept)


class PhotoStore(ById[Photo]):
    """Every upload by its id, until its time is over."""

    def __init__(self, settings: Settings, folder: Folder) -> None:
        super().__init__("photo")
        self._keep, self._folder = settings.keep, folder

    def add(self, path: Path, name: str | None, frame: int | None) -> Photo:
        """A finished upload."""
        size = path.stat().st_size
        photo = Photo(new_id(), path, name, size, frame, time.time())
        self._folder.added(size)
        self._kept[photo.id] = photo
        return photo

    def remove(self, id: str) -> None:
        """Delete one; raises as :meth:`find` does."""
        photo = self._drop(id)
        photo.deleted = True
        self._folder.remove(photo.path)

    def expire(self) -> None:
        """Delete what is over its time and not needed by a job."""
        oldest = time.time() - self._keep
        for photo in list(self._kept.values()):
            if photo.created < oldest and not photo.users:
                self.remove(photo.id)


def stamp(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC, to the millisecond: jobs are sorted by it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _locked(path: Path) -> int | None:
    """An open file that this process alone holds locked; ``None`` where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove_left(parent: Path) -> None:
    """Delete the folders of services that were killed; where there are no locks, none is known."""
    if os.name != "posix":
        return
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid() and (folder / LOCK).is_file():
                handle = _locked(folder / LOCK)
                shutil.rmtree(folder, ignore_errors=True)
                if handle is not None:
                    os.close(handle)
