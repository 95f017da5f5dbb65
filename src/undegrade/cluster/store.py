"""Reading and writing whole objects of any store that fsspec knows."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TypeVar

from fsspec.core import url_to_fs

from undegrade.errors import InputError, OutputError

T = TypeVar("T")

ATTEMPTS = 4
FIRST_WAIT = 0.5
"""Seconds before the second attempt; doubled for each further one."""


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
    except (FileNotFoundError, PermissionError, IsADirectoryError, ValueError) as error:
        raise InputError(f"cannot read {uri!r}: {error}", "check the address and access") from None


def write_object(uri: str, data: bytes) -> None:
    """Write an object whole or not at all.

    A file is written beside its place and renamed; an object store shows an object only once its
    upload is complete.

    Raises
    ------
    OutputError: it may not be written, or the disk is full. StoreError: the store failed every
    time.
    """
    try:
        fs, path = url_to_fs(uri)
        if "file" in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)):
            place = PurePosixPath(path)
            fs.makedirs(str(place.parent), exist_ok=True)
            part = str(place.with_name(f".undegrade-{uuid.uuid4().hex[:12]}.part"))
            try:
                fs.pipe_file(part, data)
                fs.mv(part, path)
            except BaseException:
                if fs.exists(part):
                    fs.rm(part)
                raise
        else:
            _patiently(lambda: fs.pipe_file(path, data))
    except StoreError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot write {uri!r}: {error}", "check free space and access of the output"
        ) from None


def joined(root: str, key: str) -> str:
    """The URI of *key* below *root*."""
    return f"{root.rstrip('/')}/{key}"


def _patiently(call: Callable[[], T]) -> T:
    """Call again after failures that may pass; those of an address or of rights do not."""
    for attempt in range(ATTEMPTS):
        try:
            return call()
        except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError):
            raise
        except (OSError, TimeoutError) as error:
            if attempt == ATTEMPTS - 1:
                raise StoreError(f"{type(error).__name__}: {error}") from error
            time.sleep(FIRST_WAIT * 2**attempt)
    raise AssertionError
