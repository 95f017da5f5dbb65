"""Objects in a store: what lies behind a URI, one at a time, however many there are."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import fsspec
from fsspec.asyn import sync
from fsspec.core import url_to_fs
from fsspec.utils import glob_translate

from undegrade.batch.jobs import SUFFIXES
from undegrade.cluster.store import MANIFEST_FOLDER, is_local
from undegrade.errors import InputError, UndegradeError

MANIFESTS = (".parquet", ".csv", ".jsonl")
COLUMN = "uri"
"""Column of a manifest that names the objects."""

PAGE = 1000
"""Names that are held at a time, as many as S3 answers at once."""

BYTES_PER_PIXEL = {".jpg": 0.3, ".jpeg": 0.3, ".webp": 0.2, ".avif": 0.12, ".heic": 0.15}
"""Typical of photos, where nothing better is known before an object is read."""
OTHERS = 2.0


@dataclass(frozen=True)
class Object:
    """A photo in a store."""

    uri: str
    key: str
    """Its place below the root that was listed, with ``/`` between folders."""
    size: int
    """In bytes; 0 where a manifest does not tell."""
    version: str
    """Entity tag, or time and size: what changes when the object does; empty if unknown."""

    @property
    def megapixels(self) -> float:
        """A guess by size and suffix, at least 0.01: what work is measured out by."""
        suffix = PurePosixPath(self.key).suffix.lower()
        return max(self.size / BYTES_PER_PIXEL.get(suffix, OTHERS) / 1e6, 0.01)


def list_objects(uri: str, *, recursive: bool = True, without: str = "") -> Iterator[Object]:
    """The photos behind *uri*: an object, a prefix, a glob or a manifest, in the store's order.

    A manifest (Parquet, CSV or JSON Lines) names one object a row in its column ``uri``; columns
    ``size`` (bytes) and ``version`` may follow. Hidden names, such as the ``._a.jpg`` of macOS,
    are passed over, and what lies below the URI *without*. Local folders, S3 and manifests are
    read piece by piece, so that memory does not grow with the number of objects; other stores
    answer a whole folder at a time.

    Raises
    ------
    InputError: the store cannot be reached, nothing lies there, or a manifest is malformed.
    """
    found = False
    try:
        for item in _list(uri, recursive, without):
            item.uri.encode()  # a name that is no Unicode could not be recorded
            found = True
            yield item
    except UndegradeError:
        raise
    except Exception as error:  # every store has errors of its own
        what = f"cannot list {uri!r}: {type(error).__name__}: {error}"
        raise InputError(what, "check the address and access") from None
    if not found:
        raise InputError(f"there is no photo behind {uri!r}", "check the address")


def _list(uri: str, recursive: bool, without: str) -> Iterator[Object]:
    # What a store has listed is not kept: the names of a million objects take a gigabyte.
    fs, path = url_to_fs(uri, use_listings_cache=False)
    if PurePosixPath(path).suffix.lower() in MANIFESTS:
        yield from _from_manifest(uri)
        return
    if fs.isfile(path):
        yield _object(fs, fs.info(path), path.rpartition("/")[0])
        return
    shunned = url_to_fs(without)[1] if without else None
    mark = re.search(r"[*?\[]", path)
    if mark is None:
        yield from _walk(fs, path, None if recursive else 1, shunned)
        return
    root = path[: mark.start()].rpartition("/")[0]
    depth = None if "**" in path else path[len(root) :].count("/")
    matches = re.compile(glob_translate(path)).match
    for item in _walk(fs, root, depth, shunned):
        if matches(f"{root}/{item.key}"):
            yield item


def _walk(
    fs: fsspec.AbstractFileSystem, root: str, depth: int | None, shunned: str | None
) -> Iterator[Object]:
    """The photos below *root*, down to *depth* levels."""
    folders = [(root, 1)]
    while folders:
        folder, level = folders.pop()
        for info in _entries(fs, folder):
            path = str(info["name"])
            name = path.rstrip("/").rpartition("/")[2]
            if name.startswith(".") or name == MANIFEST_FOLDER or path == shunned:
                continue
            if info["type"] == "directory":
                if depth is None or level < depth:
                    folders.append((path, level + 1))
            elif PurePosixPath(name).suffix.lower() in SUFFIXES:
                yield _object(fs, info, root)


def _entries(fs: fsspec.AbstractFileSystem, folder: str) -> Iterator[dict[str, Any]]:
    """What lies in a folder, a page at a time where the store can."""
    if is_local(fs):
        with os.scandir(folder) as entries:
            for entry in entries:
                kind = "directory" if entry.is_dir(follow_symlinks=False) else "file"
                state = {"size": 0, "mtime": 0.0}
                if kind == "file":
                    if not entry.is_file():
                        continue
                    status = entry.stat()
                    state = {"size": status.st_size, "mtime": status.st_mtime}
                yield {"name": f"{folder.rstrip('/')}/{entry.name}", "type": kind, **state}
    elif hasattr(fs, "_iterdir"):  # s3fs
        bucket, key, _ = fs.split_path(folder)
        pages = fs._iterdir(bucket, delimiter="/", prefix=f"{key}/" if key else "")
        while page := sync(fs.loop, _page, pages):
            # A marker of the folder itself, as web consoles make them, is no entry.
            yield from (info for info in page if str(info["name"]).rstrip("/") != folder)
    else:
        yield from fs.ls(folder, detail=True)


async def _page(entries: Any) -> list[dict[str, Any]]:
    page: list[dict[str, Any]] = []
    async for info in entries:
        page.append(info)
        if len(page) == PAGE:
            break
    return page


def _object(fs: fsspec.AbstractFileSystem, info: dict[str, Any], root: str) -> Object:
    name = str(info["name"])
    key = name[len(root) :].lstrip("/") if root and name.startswith(root) else name.lstrip("/")
    version = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("created")
    size = int(info.get("size") or 0)
    return Object(fs.unstrip_protocol(name), key, size, f"{version or ''}:{size}")


def _from_manifest(uri: str) -> Iterator[Object]:
    for number, row in enumerate(_rows(uri), 1):
        if not isinstance(row, dict) or not row.get(COLUMN):
            raise InputError(
                f"row {number} of the manifest {uri!r} names no object in a column {COLUMN!r}",
                "name one in every row",
            )
        path = str(row[COLUMN])
        if "://" not in path and not path.startswith("/"):
            path = f"{uri.rpartition('/')[0] or '.'}/{path}"  # beside the manifest
        key = (path.partition("://")[2] or path).lstrip("/").removeprefix("./")
        if ".." in key.split("/"):
            raise InputError(
                f"row {number} of the manifest {uri!r} holds '..' in {path!r}",
                "give the whole address: its output could land outside the prefix",
            )
        size = int(float(row.get("size") or 0))
        yield Object(path, key, size, str(row.get("version") or ""))


def _rows(uri: str) -> Iterator[Any]:
    suffix = PurePosixPath(uri).suffix.lower()
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with fsspec.open(uri, "rb") as file:
            for batch in pq.ParquetFile(file).iter_batches(PAGE, use_threads=False):
                yield from batch.to_pylist()
        return
    with fsspec.open(uri, "rt", encoding="utf-8-sig") as file:
        if suffix == ".csv":
            yield from csv.DictReader(file)
        else:
            yield from (json.loads(line) for line in file if line.strip())
