"""Reading and writing whole objects of any store that fsspec knows."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fsspec.core import url_to_fs

from undegrade.errors import InputError, OutputError, UndegradeError
from undegrade.picture import write_atomic

T = TypeVar("T")

MANIFEST_FOLDER = "_undegrade"
"""Below an output: the record of its runs."""

ATTEMPTS = 4
FIRST_WAIT = 0.5
"""Seconds before the second attempt; doubled for each further one."""

WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "memory"})
"""Stores that show an object only once its upload is complete."""

FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""Trying again does not mend these, nor an impossible address."""


class StoreError(OSError):
    """A failure of the store or the network, which may be gone the next time."""


def read_object(uri: str) -> bytes:
    """All bytes of an object.

    Raises
    ------
    InputError: there is none, or it may not be read. StoreError: the store failed every time.
    """
    try:
        fs, path = url_to_fs(uri)
        return bytes(_patiently(lambda: fs.cat_file(path)))
    except (*FINAL, ValueError, ImportError) as error:
        raise InputError(f"cannot read {uri!r}: {error}", "check the address and access") from None


def write_object(uri: str, data: bytes) -> None:
    """Write an object whole or not at all.

    A file is written beside its place, forced to disk and renamed; an object store shows an
    object only once its upload is complete; any other store gets a temporary name first. Of two
    writers of one object the later one wins, and both write the same.

    Raises
    ------
    OutputError: it may not be written, or the disk is full. StoreError: the store failed every
    time.
    """
    try:
        fs, path = url_to_fs(uri)
        if is_local(fs):
            write_atomic(Path(path), data)
        elif protocols(fs) & WHOLE:
            _patiently(lambda: fs.pipe_file(path, data))
        else:
            _patiently(lambda: _renamed(fs, path, data))
    except (StoreError, UndegradeError):
        raise
    except (*FINAL, ValueError, ImportError) as error:
        raise OutputError(
            f"cannot write {uri!r}: {error}", "check the address and access of the output"
        ) from None


def _renamed(fs: Any, path: str, data: bytes) -> None:
    folder = path.rpartition("/")[0]
    fs.makedirs(folder, exist_ok=True)
    part = f"{folder}/.{uuid.uuid4().hex[:12]}.tmp"
    try:
        fs.pipe_file(part, data)
        fs.mv(part, path)
    except BaseException:
        if fs.exists(part):
            fs.rm_file(part)
        raise


def joined(root: str, key: str) -> str:
    """The URI of *key* below *root*."""
    return f"{root.rstrip('/')}/{key}"


def absolute(uri: str) -> str:
    """*uri* with its protocol and without a slash at its end, the same on every machine.

    Raises
    ------
    InputError: no store is known by its protocol, or its library is missing.
    """
    try:
        fs, path = url_to_fs(uri)
    except Exception as error:  # every store has errors of its own
        what = f"there is no store behind {uri!r}: {error}"
        raise InputError(what, "check the address, and that its library is installed") from None
    # A chain such as simplecache::s3://... cannot be told from its last link.
    return uri.rstrip("/") if "::" in uri else str(fs.unstrip_protocol(path)).rstrip("/")


def protocols(fs: Any) -> set[str]:
    """The names that a file system goes by."""
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def is_local(fs: Any) -> bool:
    """Whether it is this machine's own files."""
    return "file" in protocols(fs)


def _patiently(call: Callable[[], T]) -> T:
    """Call again after failures that may pass."""
    for attempt in range(ATTEMPTS):
        try:
            return call()
        except (*FINAL, ValueError, ImportError):
            raise
        except Exception as error:  # botocore's and aiohttp's errors are no OSError
            if attempt == ATTEMPTS - 1:
                raise StoreError(f"{type(error).__name__}: {error}") from error
            time.sleep(FIRST_WAIT * 2**attempt)
    raise AssertionError
