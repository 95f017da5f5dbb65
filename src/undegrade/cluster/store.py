"""Reading and writing whole objects, and tables, of any store that fsspec knows."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
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

CONDITIONAL = frozenset({"s3", "s3a"})
"""Stores that write only over what is expected there."""

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


def tag(uri: str) -> str | None:
    """The entity tag of what lies at *uri*, for :func:`write_object`.

    Empty if nothing lies there; None if the store takes no conditions, or does not tell.

    Raises
    ------
    StoreError: the store failed every time.
    """
    fs, path = url_to_fs(uri)
    if not protocols(fs) & CONDITIONAL:
        return None
    bucket, key, _ = fs.split_path(path)
    try:
        found = _patiently(lambda: fs.call_s3("head_object", Bucket=bucket, Key=key))
    except FileNotFoundError:
        return ""
    except PermissionError:  # who may not list is not told that there is nothing, either
        return None
    return str(found["ETag"])


def write_object(uri: str, data: bytes, *, over: str | None = None, scratch: str = "") -> None:
    """Write an object whole or not at all.

    A file is written elsewhere, forced to disk and renamed; S3, Google's and Azure's stores show
    an object only once its upload is complete; any other store gets a temporary name first.

    Parameters
    ----------
    over: what :func:`tag` said before: nothing is written if another has written since.
    scratch: folder of the same store for what is not whole yet; by default the object's own.

    Raises
    ------
    OutputError: it may not be written, or the disk is full. StoreError: the store failed every
    time, or holds what another has written.
    """
    try:
        fs, path = url_to_fs(uri)
        if is_local(fs):
            _write_file(Path(path), data, url_to_fs(scratch)[1] if scratch else "")
        elif protocols(fs) & WHOLE:
            _patiently(lambda: _put(fs, path, data, over))
        else:
            folder = url_to_fs(scratch)[1] if scratch else path.rpartition("/")[0]
            _patiently(lambda: _renamed(fs, path, data, folder))
    except (StoreError, UndegradeError):
        raise
    except (*FINAL, ValueError, ImportError) as error:
        raise OutputError(
            f"cannot write {uri!r}: {error}", "check the address and access of the output"
        ) from None


def _write_file(path: Path, data: bytes, scratch: str) -> None:
    if not scratch:
        write_atomic(path, data)
        return
    part = Path(scratch) / f"{uuid.uuid4().hex[:12]}.part"
    write_atomic(part, data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.replace(os.path.realpath(path, strict=True) if path.is_symlink() else path)
    except OSError:  # another disk, a folder in its place, no right to write, links in a circle
        part.unlink(missing_ok=True)
        write_atomic(path, data)  # tells what is wrong, if anything is


def _put(fs: Any, path: str, data: bytes, over: str | None) -> None:
    if over is None:
        fs.pipe_file(path, data)
        return
    condition = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
    try:
        # A condition belongs to a single request, which takes up to 5 GB.
        fs.pipe_file(path, data, chunksize=max(len(data), 1), **condition)
    except OSError as error:
        if error.errno == errno.ENOSYS:  # a store that knows no conditions
            fs.pipe_file(path, data)
        elif isinstance(error, FileExistsError) or error.errno == errno.EINVAL:
            # Perhaps it was this very call, whose answer got lost.
            if fs.cat_file(path) != data:
                raise StoreError("another run has written it meanwhile") from None
        else:
            raise


def _renamed(fs: Any, path: str, data: bytes, folder: str) -> None:
    for needed in (folder, path.rpartition("/")[0]):
        fs.makedirs(needed, exist_ok=True)
    part = f"{folder}/.{uuid.uuid4().hex[:12]}.tmp"
    try:
        fs.pipe_file(part, data)
        fs.mv(part, path)
    except BaseException:
        if fs.exists(part):
            fs.rm_file(part)
        raise


def read_table(fs: Any, path: str, columns: list[str] | None = None) -> pa.Table:
    """The table at *path* of a file system, or some of its *columns*.

    On one thread: a process that ends soon after Arrow's threads have begun may be aborted by them.
    """
    with fs.open(path, "rb") as file:
        return pq.ParquetFile(file).read(columns=columns, use_threads=False)


def write_table(uri: str, rows: list[dict[str, Any]], schema: pa.Schema, scratch: str = "") -> None:
    """Write *rows* as a table, whole or not at all; *scratch*, errors: see :func:`write_object`."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink, compression="zstd")
    write_object(uri, sink.getvalue().to_pybytes(), scratch=scratch)


def joined(root: str, key: str) -> str:
    """The URI of *key* below *root*."""
    return f"{root.rstrip('/')}/{key}"


def absolute(uri: str) -> str:
    """*uri* with its protocol and without a slash at its end, the same on every machine.

    Raises :class:`InputError`: no store is known by its protocol, or its library is missing.
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
        except (*FINAL, StoreError, ValueError, ImportError):
            raise
        except Exception as error:  # botocore's and aiohttp's errors are no OSError
            if attempt == ATTEMPTS - 1:
                raise StoreError(f"{type(error).__name__}: {error}") from error
            time.sleep(FIRST_WAIT * 2**attempt)
    raise AssertionError
