"""Objects in a store: what lies behind a URI, one at a time, however many there are."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from undegrade.batch.jobs import DECODE_ONLY
from undegrade.errors import InputError
from undegrade.picture.files import SUFFIXES

MANIFESTS = (".parquet", ".csv", ".jsonl")
COLUMN = "uri"
"""Column of a manifest that names the objects."""

READABLE = frozenset(SUFFIXES) | frozenset(DECODE_ONLY)

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


def list_objects(uri: str, *, recursive: bool = True) -> Iterator[Object]:
    """The photos behind *uri*: an object, a prefix, a glob or a manifest, in the store's order.

    A manifest (Parquet, CSV or JSON Lines) names one object a row in its column ``uri``. Folders
    are walked level by level, so that memory does not grow with the number of objects.

    Raises
    ------
    InputError: the store cannot be reached, or nothing lies there.
    """
    try:
        fs, path = url_to_fs(uri)
        if PurePosixPath(path).suffix.lower() in MANIFESTS:
            found = _from_manifest(uri)
        elif any(mark in path for mark in "*?["):
            root = path[: min(path.index(m) for m in "*?[" if m in path)].rpartition("/")[0]
            found = (_object(fs, fs.info(name), root) for name in fs.glob(path))
        elif fs.isfile(path):
            found = iter([_object(fs, fs.info(path), path.rpartition("/")[0])])
        else:
            found = _walk(fs, path, recursive)
        first = next(found, None)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"cannot list {uri!r}: {error}", "check the address and access") from None
    if first is None:
        raise InputError(f"there is no photo behind {uri!r}", "check the address")
    yield first
    yield from found


def _walk(fs: fsspec.AbstractFileSystem, root: str, recursive: bool) -> Iterator[Object]:
    for _, folders, files in fs.walk(root, detail=True):
        if not recursive:
            folders.clear()
        for name in [name for name in folders if name.startswith("_undegrade")]:
            del folders[name]  # the record of a run is no photo
        for name in sorted(files):
            if PurePosixPath(name).suffix.lower() in READABLE:
                yield _object(fs, files[name], root)


def _object(fs: fsspec.AbstractFileSystem, info: dict[str, Any], root: str) -> Object:
    name = str(info["name"])
    key = name[len(root) :].lstrip("/") if root and name.startswith(root) else name
    version = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("created")
    size = int(info.get("size") or 0)
    return Object(fs.unstrip_protocol(name), key, size, f"{version or ''}:{size}".strip('"'))


def _from_manifest(uri: str) -> Iterator[Object]:
    for row in _rows(uri):
        if COLUMN not in row:
            raise InputError(
                f"the manifest {uri!r} has no column {COLUMN!r}", "name the objects in one"
            )
        path = str(row[COLUMN])
        key = path.partition("://")[2] or path
        size, version = int(row.get("size") or 0), str(row.get("version") or "")
        yield Object(path, key.lstrip("/"), size, version)


def _rows(uri: str) -> Iterator[dict[str, Any]]:
    suffix = PurePosixPath(uri).suffix.lower()
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with fsspec.open(uri, "rb") as file:
            for batch in pq.ParquetFile(file).iter_batches(4096):
                yield from batch.to_pylist()
        return
    with fsspec.open(uri, "rt", encoding="utf-8") as file:
        if suffix == ".csv":
            yield from csv.DictReader(file)
        else:
            yield from (json.loads(line) for line in file if line.strip())
