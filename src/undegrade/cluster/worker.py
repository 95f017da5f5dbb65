"""The work: objects in, objects out, one row for each; a pure function of bytes and settings."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from undegrade.batch import Writing
from undegrade.batch.manifest import settings_hash, sha256
from undegrade.batch.run import decisive, encoded
from undegrade.cluster.store import StoreError, read_object, write_object
from undegrade.enhancer import Enhancer
from undegrade.errors import LimitError, UndegradeError
from undegrade.picture import format_of, losses
from undegrade.plan import Wishes

Batch = dict[str, Any]
"""Columns of equal length, as ``ray.data`` and pandas hand them over."""


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


class Enhance:
    """Enhances objects; made once a worker, so that networks stay open.

    Fits ``ray.data.Dataset.map_batches``, and, since it keeps nothing between calls that decides
    an output, anything else that maps batches: Spark's ``mapInPandas``, Dask's
    ``map_partitions``.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.enhancer = settings.enhancer()
        self.digest = settings.digest()

    def __call__(self, batch: Batch) -> Batch:
        """Columns ``input``, ``output`` and ``version`` to the columns of :data:`ROW`.

        Every object is read, enhanced and written, or its row says why not; an error of one never
        reaches another.
        """
        columns = (batch["input"], batch["output"], batch["version"])
        rows = [self.one(*map(str, row)) for row in zip(*columns, strict=True)]
        # Text as objects: numpy's own text type pads every value to the longest.
        kinds = {key: object if kind is str else kind for key, kind in ROW.items()}
        return {key: np.array([row[key] for row in rows], kinds[key]) for key in ROW}

    def one(self, source: str, target: str, version: str = "") -> dict[str, Any]:
        """Enhance the object at *source* into *target*; the row of the manifest."""
        started = time.perf_counter()
        row: dict[str, Any] = {key: kind() for key, kind in ROW.items()}
        row |= {"input": source, "output": target, "version": version, "settings": self.digest}
        try:
            data = read_object(source)
            row["input_sha256"] = sha256(data)
            output, report = self.enhance(data, target)
            write_object(target, output)
        except StoreError as error:
            row |= {"status": "failed", "error": str(error), "reason": "store", "passing": True}
        except UndegradeError as error:
            row |= {"status": "failed", "error": str(error), "reason": type(error).__name__}
        except MemoryError:
            what = str(LimitError("it does not fit into memory", "use a smaller --tile"))
            row |= {"status": "failed", "error": what, "reason": "LimitError"}
        except Exception as error:  # our own mistake must not stop the other objects
            what = f"internal error: {type(error).__name__}: {error}"
            row |= {"status": "failed", "error": what, "reason": "internal"}
        else:
            row["status"] = "unchanged" if report["unchanged"] else "enhanced"
            row["output_sha256"] = sha256(output)
            row["megapixels"] = report["width"] * report["height"] / 1e6
            row["report"] = json.dumps(report)
        row["seconds"] = time.perf_counter() - started
        return row

    def enhance(self, data: bytes, target: str) -> tuple[bytes, dict[str, Any]]:
        """The bytes of a file, enhanced as *target*'s suffix wants them, and the report on it.

        Raises
        ------
        UndegradeError: see :mod:`undegrade.errors`.
        """
        format = format_of(PurePosixPath(target).name)
        result = self.enhancer(data)
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
"""Columns of the manifest; ``passing`` marks failures that may be gone the next time."""
