"""The work: objects in, objects out, one row for each; a pure function of bytes and settings."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from undegrade.cluster.store import StoreError, read_object, tag, write_object
from undegrade.enhancer import Enhancer
from undegrade.picture import format_of
from undegrade.runtime import Networks
from undegrade.work import Order, failure_of, sha256, work

Batch = dict[str, Any]
"""Columns of equal length, as ``ray.data`` and pandas hand them over."""

Row = dict[str, Any]
"""What the manifest says of an object, with the columns of :data:`ROW`."""


@dataclass(frozen=True)
class WorkerSettings:
    """What decides the outputs, and how a worker runs."""

    order: Order = field(default_factory=Order)
    precision: str = "auto"
    device: str = "auto"
    threads: int = 1
    """Threads inside a network: cores of the worker, so that workers do not fight."""
    tile: int | None = None

    def networks(self) -> Networks:
        """Networks of their own for one process."""
        return Networks(
            threads=self.threads, device=self.device, precision=self.precision, tile=self.tile
        )


class Enhance:
    """Enhances objects; made once a worker, so that networks stay open.

    Fits ``ray.data.Dataset.map_batches``, and, since it keeps nothing between calls that decides
    an output, anything else that maps batches: Spark's ``mapInPandas``, Dask's
    ``map_partitions``.
    """

    def __init__(self, settings: WorkerSettings, scratch: str = "") -> None:
        """*scratch* is a folder for outputs that are not whole yet; by default their own."""
        self.settings, self.scratch = settings, scratch
        self.enhancer = Enhancer(settings.networks())
        self.digest = settings.order.digest(self.enhancer.networks)

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
        row = begun(source, target, version, self.digest)
        try:
            data = read_object(source)
            row["input_sha256"] = sha256(data)
            over = tag(target)
            order = replace(self.settings.order, format=format_of(PurePosixPath(target).name))
            done = work(self.enhancer, data, source, order)
            write_object(target, done.data, over=over, scratch=self.scratch)
        except StoreError as error:
            row |= failed(f"{source!r}: {error}", "store", passing=True)
        except Exception as error:
            failure = failure_of(error, source)
            row |= failed(str(failure.error), failure.kind, passing=failure.passing)
        else:
            report = done.report
            row["status"] = done.status
            row["output_sha256"] = sha256(done.data)
            row["megapixels"] = report["width"] * report["height"] / 1e6
            row["report"] = json.dumps(report)
        row["seconds"] = time.perf_counter() - started
        return row


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


def begun(source: str, target: str, version: str, settings: str) -> Row:
    """The row of an object of which nothing else is known yet; see :data:`ROW`."""
    row: Row = {key: kind() for key, kind in ROW.items()}
    return row | {"input": source, "output": target, "version": version, "settings": settings}


def failed(error: str, reason: str, *, passing: bool = False) -> Row:
    """What a row says of an object that failed; see :data:`ROW`."""
    return {"status": "failed", "error": error, "reason": reason, "passing": passing}
