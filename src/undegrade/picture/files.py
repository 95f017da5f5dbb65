"""Files: reading a source whole, naming it in messages, writing all or nothing."""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import secrets
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias

from undegrade.errors import InputError, LimitError, OutputError, UsageError
from undegrade.picture.formats import kinds, sniff

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes of a file, or an open binary file."""


def show(name: str | os.PathLike[str]) -> str:
    """A name for a message: quoted, on one line whatever it holds."""
    return repr(os.fspath(name))


_BYTES_A_PIXEL = 8
"""Of the largest sensible file: 16 bits of RGBA, not packed."""
_BESIDES = 64 << 20
"""Bytes that a file may have beside its pixels."""
_HEAD, _PIECE = 1 << 16, 1 << 22
"""Bytes by which a file is recognised, and that are read at a time from then on."""


def byte_limit(max_megapixels: float) -> int:
    """The most bytes that a file of so many megapixels may have.

    Raises :class:`UsageError` for what is no number above 0.
    """
    if not (max_megapixels > 0 and math.isfinite(max_megapixels)):
        raise UsageError(
            f"a limit of {max_megapixels:g} megapixels is not possible",
            "choose a finite number above 0",
        )
    return int(max_megapixels * 1e6 * _BYTES_A_PIXEL) + _BESIDES


def read(
    source: Source, *, name: str | None = None, max_megapixels: float = 200.0
) -> tuple[bytes, str]:
    """The bytes of a photo's file, and what messages call it.

    Parameters as for :func:`undegrade.picture.decode`: a file of more bytes than *max_megapixels*
    can need is refused, before it is read where its length is known.

    Raises
    ------
    InputError: missing, not a file, not readable, empty, or not a picture by its first bytes.
    LimitError: over the limit.
    UsageError: a limit that is no number above 0, a source that is none.
    """
    limit = byte_limit(max_megapixels)
    if isinstance(source, bytes | bytearray | memoryview):
        name = name or "<bytes>"
        data = _bounded(io.BytesIO(source), name, limit, len(source))
        return (source if isinstance(source, bytes) else data), name
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        return _read_path(path, limit, name or path), name or path
    if hasattr(source, "read"):
        given = getattr(source, "name", None)
        name = name or (given if isinstance(given, str) else "<file>")
        return _bounded(source, name, limit), name
    raise UsageError(
        f"cannot read a picture from {type(source).__name__}",
        "give a path, bytes or an open binary file",
    )


def _bounded(file: BinaryIO, name: str, limit: int, size: int = 0) -> bytes:
    """The rest of an open file, piece by piece: its first bytes decide whether more are read.

    So does *size*, its length where that is known: one over *limit* is refused before any more.
    """
    head = file.read(_HEAD)
    if not isinstance(head, bytes):
        raise UsageError(f"{show(name)} is open as text", "open it in binary mode, 'rb'")
    if not head:
        raise InputError(f"cannot read {show(name)}: it is empty", "give a picture file")
    if sniff(head) is None:
        raise InputError(
            f"cannot read {show(name)}: it is not a picture of a known kind",
            f"give a {kinds()} file",
        )
    out = io.BytesIO()
    out.write(head)
    while size <= limit and (piece := file.read(_PIECE)):
        out.write(piece)
        size = max(size, out.tell())
    if size > limit:
        raise LimitError(
            f"{show(name)} has more than {limit / 1e6:.0f} MB, more than a picture of the allowed "
            "size",
            "raise --max-megapixels if it is one",
        )
    return out.getvalue()


def _read_path(path: str, limit: int, name: str) -> bytes:
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"cannot read {show(name)}: it is a folder", "give a picture file")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(
                f"cannot read {show(name)}: it is a device or a pipe", "give a picture file"
            )
        with Path(path).open("rb") as file:
            return _bounded(file, name, limit, status.st_size)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        why, remedy = getattr(error, "strerror", None) or str(error), "check the name and disk"
        if isinstance(error, FileNotFoundError):
            why, remedy = "no such file", "check the name"
        elif isinstance(error, PermissionError):
            why, remedy = "permission denied", "allow reading it (chmod u+r)"
        raise InputError(f"cannot read {show(name)}: {why}", remedy) from None


def check_target(path: Path, protect: Sequence[Path] = (), overwrite: bool = True) -> None:
    """Refuse a target that must not be written, before any work is done.

    Raises :class:`OutputError` for a folder, one of *protect* (through links too), or one that is
    there and not to *overwrite*.
    """
    try:
        if path.is_dir():
            raise OutputError(
                f"cannot write {show(path)}: it is a folder", "name a file in it with -o"
            )
        place = _behind_links(path)
        for source in protect:
            same = os.path.realpath(path) == os.path.realpath(source)
            if same or (path.exists() and Path(source).exists() and path.samefile(source)):
                raise OutputError(
                    f"the output {show(path)} would overwrite the input {show(source)}",
                    "choose another name with -o",
                )
        folder = place.parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if folder.is_dir() and not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied")
        if not overwrite and path.exists():
            raise OutputError(
                f"{show(path)} exists already", "choose another name with -o, or allow overwriting"
            )
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from None


def _behind_links(path: Path) -> Path:
    """Where *path* leads; refused by the system itself where its links run in a circle."""
    with contextlib.suppress(FileNotFoundError):
        path.stat()  # resolve() tells such a circle only in some versions of Python
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def write_atomic(path: Path, data: bytes) -> None:
    """Write *data* as the file *path*, whole or not at all; missing folders are made.

    A temporary file with a short name in the same folder, so that names of full length work, is
    written, synchronised and renamed. Whatever goes wrong, Ctrl-C included, it is removed and a
    former file stays untouched. A link is written through; the rights of a former file stay.

    Raises
    ------
    OutputError: with the reason and a remedy.
    """
    try:
        target = _behind_links(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{_TEMPORARY}{secrets.token_hex(6)}.tmp"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from None
    # The new name is made durable where the system can; the file itself is there already.
    with contextlib.suppress(OSError):
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


_TEMPORARY = ".undegrade-"
_ABANDONED = 3600
"""Seconds after which a file that nobody has finished was left by a program that was killed."""


def sweep(folder: Path) -> None:
    """Remove the temporary files that a killed program has left in *folder*."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_TEMPORARY}*.tmp"):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink(missing_ok=True)


_REMEDIES = {
    errno.ENOSPC: ("the disk is full", "free some space or choose another disk with -o"),
    errno.EDQUOT: ("the quota is used up", "free some space or choose another disk with -o"),
    errno.EACCES: ("permission denied", "choose a folder you may write to with -o"),
    errno.EPERM: ("permission denied", "choose a folder you may write to with -o"),
    errno.EROFS: ("the disk is read-only", "choose another folder with -o"),
    errno.EISDIR: ("it is a folder", "name a file in it with -o"),
    errno.ENOTDIR: ("part of its path is a file, not a folder", "choose another name with -o"),
    errno.EEXIST: ("part of its path is a file, not a folder", "choose another name with -o"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one with -o"),
    errno.ELOOP: ("its links run in a circle", "choose another name with -o"),
}


def _refusal(path: Path, error: Exception) -> OutputError:
    number = error.errno if isinstance(error, OSError) else None
    why = getattr(error, "strerror", None) or str(error)
    why, remedy = _REMEDIES.get(number or 0, (why, "choose another name with -o"))
    return OutputError(f"cannot write {show(path)}: {why}", remedy)
