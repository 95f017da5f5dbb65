"""Networks that stay open from one photo to the next."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from undegrade.catalog import Card, Catalog, Model
from undegrade.errors import UsageError
from undegrade.runtime.device import DEVICES, PRECISIONS, check_known, choose_precision
from undegrade.runtime.memory import tile_side
from undegrade.runtime.pace import Clock, Paces, key_of, measure
from undegrade.runtime.probe import find_model
from undegrade.runtime.session import Network, open_network

DETAILS = 4
"""Details for which networks stay open: for each they are mixed anew."""

MOST_THREADS = 1024
"""Each takes memory of its own; more than any machine has cores is a slip."""


class Networks:
    """The networks of a catalogue, opened when they are first needed, and how they are run.

    May be used from several threads at once.

    Parameters
    ----------
    catalog: the models at hand; by default those that ship and the user's own.
    threads: threads inside a network; by default every core.
    device: one of :data:`undegrade.runtime.device.DEVICES`.
    precision: ``auto``, ``fp32`` or ``int8`` (faster where a network has such weights).
    tile: kept side of a tile in pixels; by default chosen for the promised memory.
    clock: tells seconds when the speed of a network is measured for a forecast.

    Raises
    ------
    UsageError: there is no such device or precision, or a number is none.
    """

    def __init__(
        self,
        catalog: Catalog | None = None,
        *,
        threads: int | None = None,
        device: str = "auto",
        precision: str = "auto",
        tile: int | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        check_known("device", device, DEVICES)
        check_known("precision", precision, PRECISIONS)
        for kind, number, most in (("threads", threads, MOST_THREADS), ("tile", tile, None)):
            fits = isinstance(number, int) and 1 <= number <= (most or number)
            if number is not None and not fits:
                raise UsageError(
                    f"{kind} = {number!r} is impossible",
                    f"give a whole number from 1{f' to {most}' if most else ''}",
                )
        self.catalog = catalog or Catalog()
        self.threads, self.device, self.precision, self.tile = threads, device, precision, tile
        self._found: dict[str, Model] = {}
        self._open: dict[tuple[str, str, float], Network] = {}
        self._lock = threading.Lock()
        self._clock, self._paces, self._pacing = clock, Paces(), threading.Lock()

    def find(self, name_or_file: str) -> Model:
        """As :func:`undegrade.runtime.find_model`; a file is probed once."""
        with self._lock:
            if name_or_file not in self._found:
                self._found[name_or_file] = find_model(name_or_file, self.catalog)
            return self._found[name_or_file]

    def open(
        self,
        model: Model,
        vivid: Model | None = None,
        detail: float = 0.0,
        *,
        averages: bool = False,
    ) -> Network:
        """The open network of *model*, which averages over turns or not.

        See :func:`undegrade.runtime.open_network`.
        """
        mixed = (str(vivid.path), detail) if vivid else ("", 0.0)
        key = str(model.path), *mixed
        with self._lock:
            if key not in self._open:
                self._forget_details(key[-1])
                self._open[key] = open_network(
                    model,
                    threads=self.threads,
                    device=self.device,
                    vivid=vivid,
                    detail=detail,
                    precision=self.precision,
                )
            return replace(self._open[key], averages=averages)

    def precision_of(self, model: Model, *, mixed: bool = False) -> str:
        """``fp32`` or ``int8``: in which it is run, with its vivid weights *mixed* in or not."""
        return choose_precision(model, self.precision, device=self.device, mixed=mixed)

    def tile_of(self, card: Card, precision: str) -> int:
        """Kept side of its tiles in pixels, where it is run in *precision*."""
        return tile_side(card, precision) if self.tile is None else self.tile

    def pace(self, model: Model, *, mixed: bool = False) -> float:
        """Seconds per output megapixel here, in the precision that would be run.

        They are measured, in about a second, unless that has been done on such a machine before;
        of a network that cannot be run, they are those of its card.
        """
        card = model.card
        precision = self.precision_of(model, mixed=mixed)
        with self._pacing:
            weights = card.int8_sha256 if precision == "int8" else self.catalog.sha256(model)
            key = key_of(weights, precision, self.threads, self.device)
            known = self._paces.find(key)
            if known is None:
                try:
                    known = measure(self._plain(model, precision), self._clock)
                except Exception:  # whatever a foreign network may raise: the run will tell
                    in_bytes = precision == "int8" and card.int8_seconds_per_megapixel
                    return in_bytes or card.seconds_per_megapixel
                self._paces.keep(key, known)
            return known

    def _plain(self, model: Model, precision: str) -> Network:
        """The network of *model* without vivid weights: open already, or for the moment only."""
        if self.precision_of(model) == precision:
            return self.open(model)
        return open_network(model, threads=self.threads, device=self.device, precision=precision)

    def _forget_details(self, wanted: float) -> None:
        """Let go of the mixed networks of the oldest detail where *wanted* is one too many."""
        kept = dict.fromkeys(detail for *_, detail in self._open if detail)
        if wanted and wanted not in kept and len(kept) >= DETAILS:
            oldest = next(iter(kept))
            self._open = {key: value for key, value in self._open.items() if key[-1] != oldest}
