"""Pictures worth looking at: which ones, and how they come to a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from undegrade.evaluation.rows import Pictures, Row
from undegrade.imaging.arrays import Bytes


def telling(gains: Mapping[str, float]) -> list[str]:
    """Names of up to three images by their *gains*: the worst, the best, and the median."""
    order = sorted(gains, key=lambda name: gains[name])
    if not order:
        return []
    return list(dict.fromkeys((order[0], order[-1], order[len(order) // 2])))


@dataclass
class Samples:
    """Collects what :func:`undegrade.evaluation.runner.evaluate` hands out."""

    _kept: list[tuple[str, str, dict[str, Bytes]]] = field(default_factory=list)

    def keep(self, image: str, setting: str, arrays: dict[str, Bytes]) -> None:
        """Take the pictures of one image, as the runner's callback."""
        self._kept.append((image, setting, arrays))

    def pictures(self, rows: Iterable[Row]) -> list[Pictures]:
        """What was kept, with the scores that *rows*, of the same run, give each image."""
        table: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
        protocol = ""
        for row in rows:
            protocol = row.protocol
            for image, value in zip(row.images, row.values, strict=True):
                scores = table.setdefault((image, row.setting), {})
                scores.setdefault(row.model, {})[row.metric] = value
        return [
            Pictures(protocol, setting, image, arrays, table.get((image, setting), {}))
            for image, setting, arrays in self._kept
        ]
