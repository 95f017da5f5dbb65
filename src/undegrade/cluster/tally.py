"""How far a run is."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from undegrade.cluster.ledger import Ledger
from undegrade.cluster.ray_data import COUNTED
from undegrade.cluster.worker import Row


@dataclass
class Tally:
    """What a run has done so far."""

    objects: Counter[str] = field(default_factory=Counter)
    """By status: ``enhanced``, ``unchanged``, ``failed``."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Failures by kind."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """The first hundred failed objects with their errors; all are in the manifest."""
    megapixels: float = 0.0
    worker_seconds: float = 0.0
    listed: int = 0
    """Objects to be done, as far as is known."""
    expected: float = 0.0
    """Megapixels of these, guessed from sizes."""
    skipped: int = 0
    """Objects that earlier runs have done."""
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """Objects that were worked on."""
        return self.objects.total()

    @property
    def seconds(self) -> float:
        """Since the workers were called."""
        return time.monotonic() - self.started

    def recount(self, ledger: Ledger) -> None:
        """Count what the run has recorded: a worker may have died before it could say so."""
        self.objects.clear()
        self.reasons.clear()
        self.failures.clear()
        self.megapixels = self.worker_seconds = 0.0
        for part in ledger.parts(list(COUNTED), own=True):
            self.add(part.to_pylist())

    def add(self, rows: list[Row]) -> None:
        """Count finished objects."""
        for row in rows:
            self.objects[row["status"]] += 1
            self.megapixels += row["megapixels"]
            self.worker_seconds += row["seconds"]
            if row["status"] == "failed":
                self.reasons[row["reason"]] += 1
                if len(self.failures) < 100:
                    self.failures.append((row["input"], row["error"]))
