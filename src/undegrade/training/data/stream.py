"""Sets that do not fit into memory: photos decoded on demand, the latest kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undegrade.errors import InputError
from undegrade.training.data import crops as cropping
from undegrade.training.data.decoding import read_size
from undegrade.training.data.entry import Entry
from undegrade.training.data.photos import PhotoSet, PhotoSource, decode_all, decode_one, too_small
from undegrade.training.data.settings import Reading
from undegrade.training.data.sources import Source, entries
from undegrade.training.data.sources import hold_out as split


class LazyPhotoSet:
    """Photos decoded when they are drawn, the latest kept; otherwise as :class:`PhotoSet`.

    The same crops are drawn as from a :class:`PhotoSet` of these photos, by the detail of all
    their cells. So every photo is decoded once before the first crop, to be measured. Crops may be
    drawn by several threads at once.

    Decoded photos never take more than ``reading.memory`` GiB, but for the one that each drawing
    thread has in hand. Where the whole set fits, each photo is decoded once; where it does not,
    expect to decode nearly one photo a crop.
    """

    def __init__(
        self,
        found: Sequence[Entry],
        device: torch.device | str = "cpu",
        reading: Reading | None = None,
    ) -> None:
        if not found:
            raise InputError("no training photo was found", "give a tar pack or a folder of images")
        self.device = torch.device(device)
        self.entries = list(found)
        self._reading = reading or Reading()
        self._turns = torch.tensor(cropping.TURNS[self._reading.symmetries])
        self._cache = _Cache(int(self._reading.memory * 2**30))
        self._measuring = threading.Lock()
        self._weights: _Weights | None = None

    @classmethod
    def load(
        cls,
        sources: Sequence[Source],
        hold_out: int = 0,
        device: torch.device | str = "cpu",
        reading: Reading | None = None,
    ) -> tuple[LazyPhotoSet, list[Tensor]]:
        """As :meth:`PhotoSet.load`, but only what is held out is decoded now."""
        reading = reading or Reading()
        training, held = split(entries(sources, reading), hold_out)
        kept = [photo.to(device) for photo in decode_all(held, reading)]
        return cls(training, device, reading), kept

    def __len__(self) -> int:
        """Photos, or pairs."""
        return len(self.entries)

    @property
    def cached(self) -> int:
        """Bytes of decoded photos that are kept now."""
        return self._cache.size

    def require(self, size: int) -> None:
        """See from the headers of all files that every photo has a crop of *size* pixels.

        Raises
        ------
        InputError: naming the first that has none, cannot be read, or does not fit its partner.
        """
        with ThreadPoolExecutor() as pool:
            sizes = pool.map(lambda entry: read_size(entry, self._reading), self.entries)
            for entry, found in zip(self.entries, sizes, strict=True):
                if min(found) < size:
                    raise too_small(str(entry.target), found, size)

    def crops(self, count: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw crops, turned and mirrored; (count, 3 or 6, size, size) uint8 on the device.

        What is drawn follows from *generator* alone, whatever is kept.

        Raises
        ------
        InputError: a photo that is drawn is smaller than *size*, or cannot be decoded.
        """
        weights = self._measured()
        fraction = torch.rand(count, generator=generator, dtype=torch.float64)
        jitter = torch.rand(count, 2, generator=generator)
        turns = self._turns[torch.randint(0, len(self._turns), (count,), generator=generator)]
        draws = zip(map(weights.pick, fraction.tolist()), jitter.tolist(), strict=True)
        cuts = [self._cut(index, size, place, shift) for (index, place), shift in draws]
        return cropping.turned_each(torch.stack(cuts), turns).to(self.device)

    def _cut(self, index: int, size: int, place: float, shift: Sequence[float]) -> Tensor:
        """The crop of a photo around a point of the cell at *place* of the sum of its weights."""
        photo, base = self._cache.get(index, self._decoded), self._measured().base
        sides = photo.pixels.shape[1:]
        if min(sides) < size:
            raise too_small(str(self.entries[index].target), sides, size)
        # In plain numbers: a dozen tensors of one value would take longer than the crop.
        top, left = (
            int(min(max((cell + part) * side / cells - size / 2, 0), side - size))
            for cell, part, side, cells in zip(
                photo.cell(place, base), shift, sides, photo.detail.shape, strict=True
            )
        )
        # A copy, because a view would keep the whole photo.
        return photo.pixels[:, top : top + size, left : left + size].clone()

    def _decoded(self, index: int) -> _Photo:
        pixels = decode_one(self.entries[index], self._reading)
        return _Photo(pixels, cropping.detail(pixels).double().numpy())

    def _measured(self) -> _Weights:
        """What photos are drawn by; the first call decodes them all."""
        with self._measuring:
            if self._weights is None:
                with ThreadPoolExecutor() as pool:
                    found = list(pool.map(self._measure, range(len(self.entries))))
                sums, cells = np.array(found).T
                base = cropping.BASE * max(sums.sum() / cells.sum(), 1e-6)
                self._weights = _Weights(float(base), np.cumsum(sums + base * cells))
            return self._weights

    def _measure(self, index: int) -> tuple[float, int]:
        """Sum of the detail of a photo's cells, and their number."""
        detail = self._cache.get(index, self._decoded).detail
        return float(detail.sum()), detail.size


@dataclass(frozen=True, eq=False)
class _Weights:
    """By what photos are drawn."""

    base: float
    """What every cell weighs beside its detail."""
    running: NDArray[np.float64]
    """Running sum of the weights of the photos."""

    def pick(self, fraction: float) -> tuple[int, float]:
        """The photo at *fraction* 0..1 of the sum, and how far within the photo that is."""
        place = fraction * self.running[-1]
        index = min(int(np.searchsorted(self.running, place)), len(self.running) - 1)
        return index, float(place - (self.running[index - 1] if index else 0.0))


@dataclass(frozen=True, eq=False)
class _Photo:
    """A decoded photo with the detail of its cells."""

    pixels: Tensor
    """(3 or 6, H, W) uint8."""
    detail: NDArray[np.float64]
    """(rows, columns) of cells."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.pixels.numel() + self.detail.nbytes

    def cell(self, place: float, base: float) -> tuple[int, int]:
        """Row and column of the cell at *place* of the sum of details, each with *base* added."""
        running = np.cumsum(self.detail.ravel() + base)
        pick = int(np.searchsorted(running, place))
        row, column = divmod(min(pick, len(running) - 1), self.detail.shape[1])
        return row, column


class _Cache:
    """The photos used last, never more than *limit* bytes of them; safe among threads."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._held: OrderedDict[int, _Photo] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: int, make: Callable[[int], _Photo]) -> _Photo:
        """What is kept for *key*, or else what *make* makes, which is then kept.

        Threads make at the same time: two may make the same, and the first one is kept.
        """
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make(key)
        need = made.size
        with self._lock:
            if key not in self._held and need <= self._limit:
                while self.size + need > self._limit:
                    _, oldest = self._held.popitem(last=False)
                    self.size -= oldest.size
                self._held[key] = made
                self.size += need
        return made


def load(
    sources: Sequence[Source],
    hold_out: int = 0,
    device: torch.device | str = "cpu",
    reading: Reading | None = None,
) -> tuple[PhotoSource, list[Tensor]]:
    """The training photos of *sources* and the held-out ones, all on the device or on demand.

    Which of the two, ``reading.memory`` decides; see :meth:`PhotoSet.load` for the rest.
    """
    if reading is not None and reading.memory:
        return LazyPhotoSet.load(sources, hold_out, device, reading)
    return PhotoSet.load(sources, hold_out, device, reading)
