"""What the service may use and how long it keeps things: one dataclass, all limits in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from undegrade.errors import InputError, OutputError, UsageError
from undegrade.runtime import cores

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def default_workers() -> int:
    """One photo at a time for every four cores of this process: networks use several."""
    return max(1, cores() // 4)


@dataclass(frozen=True)
class Settings:
    """Every limit of the service; docs/service.md gives the reasons."""

    host: str = "127.0.0.1"
    port: int = 8400
    hosts: tuple[str, ...] = ()
    """Names by which clients may call the service, without ports, beside those of loopback: no
    stranger's page can come by these. Empty: on loopback no others, elsewhere any."""
    token: str | None = field(default=None, repr=False)
    """What clients must show as bearer; ``None`` lets everybody in."""
    folder: Path | None = None
    """Where the private folder is made; ``None`` is the system's place for temporary files."""

    workers: int = field(default_factory=default_workers)
    """Jobs worked on at a time; one process more answers uploads and previews meanwhile."""
    max_upload: int = 64_000_000
    """Bytes of a request's body."""
    max_megapixels: float = 50.0
    """Decoded size of a photo, checked from its header."""
    max_memory: int = 3_000_000_000
    """Bytes that a job may be forecast to take."""
    max_stored: int = 4_000_000_000
    """Bytes of all photos and results together."""
    queue: int = 32
    """Jobs that may wait, and likewise uploads and previews."""
    sync_megapixels: float = 4.0
    """Results above this are never waited for within one request."""
    sync_seconds: float = 30.0
    """Longest wait for a result within one request; then, or where it is expected to take longer,
    the answer is a job."""
    connections: int = 512
    """Open at a time; where there are more, the slowest has to go."""
    connections_per_address: int = 256

    keep: float = 3600.0
    """Seconds until a photo or a result is deleted."""
    job_seconds: float = 300.0
    """Longest run of a job."""
    look_seconds: float = 30.0
    """Longest run of anything that a client waits for: decoding, diagnosis, preview."""
    stall_seconds: float = 15.0
    """Longest silence of a client that is sending."""
    least_rate: float = 16_000.0
    """Bytes a second that an upload must reach on average, after a first ``stall_seconds``."""
    drain_seconds: float = 30.0
    """How long running jobs may go on after the service has been asked to stop."""
    idle_seconds: float = 60.0
    """After this a worker lets go of photos, and all but one worker end."""

    def __post_init__(self) -> None:
        for name in ("workers", "max_upload", "max_memory", "max_stored", "queue"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} = {getattr(self, name)} is not possible", "use 1 or more")
        for name in ("max_megapixels", "keep", "job_seconds", "look_seconds", "stall_seconds"):
            if not 0 < getattr(self, name) < float("inf"):
                value = getattr(self, name)
                raise UsageError(f"{name} = {value:g} is not possible", "use a number above 0")
        if self.folder is not None and not (
            self.folder.is_dir() and os.access(self.folder, os.W_OK | os.X_OK)
        ):
            raise OutputError(
                f"{str(self.folder)!r} is no folder that can be written to",
                "make it, or name another with --folder",
            )
        if self.token is not None and len(self.token) < 16:
            raise UsageError(
                f"a token of {len(self.token)} characters can be guessed", "use 16 or more"
            )
        if self.token is not None and not self.token.isascii():
            raise UsageError("the token holds letters that no header can", "use ASCII only")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK

    @property
    def threads(self) -> int:
        """Threads of a network, so that all jobs together use every core once."""
        return max(1, cores() // self.workers)

    @property
    def allowed_hosts(self) -> frozenset[str] | None:
        """Host names to answer to; ``None`` is all."""
        if self.hosts:
            return LOOPBACK | {name.lower() for name in self.hosts}
        return LOOPBACK if self.is_loopback else None


def read_token(path: Path) -> str:
    """The token in the first line of a file.

    Raises :class:`InputError`: it cannot be read, or other users can read it.
    """
    try:
        mode = path.stat().st_mode
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the token file {str(path)!r}: {error}", "check it") from None
    if os.name == "posix" and mode & 0o007:
        raise InputError(
            f"everybody may read the token file {str(path)!r}", "forbid it with chmod o-rwx"
        )
    if not lines or not lines[0].strip():
        raise InputError(f"the token file {str(path)!r} is empty", "write a long random line to it")
    return lines[0].strip()


def seconds(text: str) -> float:
    """``90``, ``90s``, ``15m``, ``1h``, ``2d`` in seconds; raises :class:`UsageError`."""
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise UsageError(f"{text!r} is no time", "write it like 90s, 15m or 1h") from None


def size(text: str) -> int:
    """``500000``, ``500k``, ``64M``, ``2G`` in bytes; raises :class:`UsageError`."""
    factors = {"k": 1e3, "m": 1e6, "g": 1e9}
    number, unit = (text[:-1], text[-1:].lower()) if text[-1:].lower() in factors else (text, "")
    try:
        return int(float(number) * factors.get(unit, 1))
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no size", "write it like 500k, 64M or 2G") from None
