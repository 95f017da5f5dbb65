"""The work: objects in, objects out, one row for each; a pure function of bytes and settings."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from undegrade.batch import Writing
from undegrade.batch.manifest import settings_hash, sha256
from undegrade.batch.run import decisive, encoded
from undegrade.cluster.store import StoreError, read_object, tag, write_object
from undegrade.enhancer import Enhancer
from undegrade.errors import InputError, LimitError, UndegradeError
from undegrade.picture import format_of, losses
from undegrade.plan import Wishes

Batch = dict[str, Any]
"""Columns of equal length, as ``ray.data`` and pandas hand them over."""

Row = dict[str, Any]
"""What the manifest says of an object, with the columns of :data:`ROW`."""


@dataclass(frozen=True)
class Settings:
    """What decides the outputs, and how a worker runs."""

    wishes: Wishes = field(default_factory=Wishes)
    writing: Writing = field(default_factory=Writing)
    precision: str = "auto"
    device: str = "auto"
    threads: int = 1
    """Threads inside a network: cores of the worker, so that workers do not fight."""
    tile: int | None = None
    max_megapixels: float = 200.0

    def enhancer(self) -> Enhancer:
        """An enhancer with its own sessions, for one process."""
        return Enhancer(
            wishes=self.wishes,
            tile=self.tile,
            threads=self.threads,
            device=self.device,
            max_megapixels=self.max_megapixels,
            precision=self.precision,
        )

    def digest(self) -> str:
        """A short hash of everything but the input that decides an output."""
        return settings_hash(decisive(self.enhancer(), self.writing))


class _Named(BytesIO):
    """The bytes of an object, with its address for messages."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


class Enhance:
    """Enhances objects; made once a worker, so that networks stay open.

    Fits ``ray.data.Dataset.map_batches``, and, since it keeps nothing between calls that decides
    an output, anything else that maps batches: Spark's ``mapInPandas``, Dask's
    ``map_partitions``.
    """

    def __init__(self, settings: Settings, scratch: str = "") -> None:
        """*scratch* is a folder for outputs that are not whole yet; by default their own."""
        self.settings, self.scratch = settings, scratch
        self.enhancer = settings.enhancer()
        self.digest = settings.digest()

    def __call__(self, batch: Batch) -> Batch:
        """Columns ``input``, ``output`` and, if it is there, ``version`` to those of :data:`ROW`.

        Every object is read, enhanced and written, or its row says why not; an error of one never
        reaches another. A pandas frame will do for a batch; the answer is a dictionary of arrays.
        """
        sources = batch["input"]
        versions = batch["version"] if "version" in batch else [""] * len(sources)
        columns = (sources, batch["output"], versions)
        rows = [self.one(*map(str, row)) for row in zip(*columns, strict=True)]
        # Text as objects: numpy's own text type pads every value to the longest.
        kinds = {key: object if kind is str else kind for key, kind in ROW.items()}
        return {key: np.array([row[key] for row in rows], kinds[key]) for key in ROW}

    def one(self, source: str, target: str, version: str = "") -> Row:
        """Enhance the object at *source* into *target*; the row of the manifest."""
        started = time.perf_counter()
        row: Row = {key: kind() for key, kind in ROW.items()}
        row |= {"input": source, "output": target, "version": version, "settings": self.digest}
        try:
            data = read_object(source)
            row["input_sha256"] = sha256(data)
            over = tag(target)
            output, report = self.enhance(data, target, source)
            write_object(target, output, over=over, scratch=self.scratch)
        except StoreError as error:
            row |= failure(f"{source!r}: {error}", "store", passing=True)
        except UndegradeError as error:
            # What is wrong with a photo stays; a full disk or a missing model does not.
            stays = isinstance(error, InputError | LimitError)
            row |= failure(str(error), type(error).__name__, passing=not stays)
        except MemoryError:
            short = LimitError(f"{source!r} does not fit into memory", "give each worker more")
            row |= failure(str(short), "memory", passing=True)
        except Exception as error:  # our own mistake must not stop the other objects
            what = f"internal error on {source!r}: {type(error).__name__}: {error}"
            row |= failure(what, "internal")
        else:
            row["status"] = "unchanged" if report["unchanged"] else "enhanced"
            row["output_sha256"] = sha256(output)
            row["megapixels"] = report["width"] * report["height"] / 1e6
            row["report"] = json.dumps(report)
        row["seconds"] = time.perf_counter() - started
        return row

    def enhance(
        self, data: bytes, target: str, name: str = "<bytes>"
    ) -> tuple[bytes, dict[str, Any]]:
        """The bytes of a file, enhanced as *target*'s suffix wants them, and the report on it.

        *name* stands for the file in messages.

        Raises
        ------
        UndegradeError: see :mod:`undegrade.errors`.
        """
        format = format_of(PurePosixPath(target).name)
        result = self.enhancer(_Named(data, name))
        report = result.as_dict()
        report["notes"] += losses(result.picture, format)
        return encoded(result, data, format, self.settings.writing), report


ROW: dict[str, type] = {
    "input": str,
    "output": str,
    "version": str,
    "settings": str,
    "status": str,
    "reason": str,
    "error": str,
    "passing": bool,
    "input_sha256": str,
    "output_sha256": str,
    "megapixels": float,
    "seconds": float,
    "report": str,
}
"""Columns of the manifest.

``version`` is the input's, as its store tells it; ``settings`` a hash of all that decides an
output but the input; ``status`` is ``enhanced``, ``unchanged`` or ``failed``; ``reason`` the kind
of a failure and ``passing`` whether it may be gone the next time; ``megapixels`` are the output's;
``report`` is JSON: what was found, the steps, and what is left.
"""


def failure(error: str, reason: str, *, passing: bool = False) -> Row:
    """What a row says of an object that failed; see :data:`ROW`."""
    return {"status": "failed", "error": error, "reason": reason, "passing": passing}
