"""Photos to draw crops from: held on the device, or decoded on demand and the latest kept."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from undegrade.errors import InputError
from undegrade.training.data.decoding import read_entry
from undegrade.training.data.files import Entry
from undegrade.training.data.sources import Reading, Source, Symmetries, entries, own_data
from undegrade.training.data.sources import hold_out as split

CELL = 32
"""Side in pixels of the cells in which detail is measured."""

BASE = 0.1
"""Part of the mean detail that every cell gets, so that flat ones are drawn, too."""

TURNS: Mapping[str, tuple[int, ...]] = {"all": tuple(range(8)), "mirror": (0, 4), "none": (0,)}
"""For each choice of symmetries the turns that are drawn, see :func:`turned`."""


def detail(photo: Tensor) -> Tensor:
    """Mean absolute gradient of the cells of a photo's target.

    *photo* is (3 or 6, H, W) uint8, of which the last three channels count. Returns (rows,
    columns) float32 with cells of about ``CELL`` pixels, at least one.
    """
    grey = photo[-3:].float().mean(0)
    gradient = torch.zeros_like(grey)
    gradient[:, 1:] += (grey[:, 1:] - grey[:, :-1]).abs()
    gradient[1:] += (grey[1:] - grey[:-1]).abs()
    rows, columns = max(1, grey.shape[0] // CELL), max(1, grey.shape[1] // CELL)
    return F.adaptive_avg_pool2d(gradient[None], (rows, columns))[0]


def turned(crops: Tensor, turn: int) -> Tensor:
    """One of the eight symmetries of the square, of (..., S, S): quarter turns, from 4 mirrored."""
    crops = torch.rot90(crops, turn % 4, (-2, -1))
    return crops.flip(-1) if turn >= 4 else crops


def turned_each(crops: Tensor, turns: Tensor) -> Tensor:
    """Each of (N, C, S, S) crops by its own of N *turns*, in a few operations for all of them."""
    order = torch.argsort(turns, stable=True)
    back = torch.argsort(order).to(crops.device)
    counts = torch.bincount(turns, minlength=8).tolist()
    groups = torch.split(crops.index_select(0, order.to(crops.device)), counts)
    done = [turned(group, turn) for turn, group in enumerate(groups) if len(group)]
    return torch.cat(done).index_select(0, back)


def _drawn(count: int, turns: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Where each of *count* crops lies in the sum of all weights, 0..1, and in its cell; its turn.

    Shapes are (count,) float64, (count, 2), and (count,), picked from *turns*.
    """
    fraction = torch.rand(count, generator=generator, dtype=torch.float64)
    jitter = torch.rand(count, 2, generator=generator)
    return fraction, jitter, turns[torch.randint(len(turns), (count,), generator=generator)]


class Photos(Protocol):
    """Where crops come from, wherever its photos are."""

    def crops(self, count: int, size: int, generator: torch.Generator) -> Tensor:
        """(count, 3, size, size) uint8, or (count, 6, size, size): inputs above targets."""
        ...


class PhotoSet:
    """Photos on the device, with crops drawn where there is detail.

    Photos are (3, H, W) uint8, or all (6, H, W) for pairs: the input above the target. A crop's
    centre is drawn from cells of 32 pixels of the whole set with probability proportional to the
    mean absolute gradient of the (target) photo plus a tenth of the set's mean, because flat sky
    teaches nothing.

    Parameters
    ----------
    photos: taken one by one and copied, so that an iterator can give them away meanwhile.
    names: for messages; their numbers by default.

    Raises :class:`InputError` where there is no photo.
    """

    def __init__(
        self,
        photos: Iterable[Tensor],
        device: torch.device | str = "cpu",
        symmetries: Symmetries = "all",
        names: Sequence[str] = (),
    ) -> None:
        held = deque(photos)
        if not held:
            raise InputError("no training photo was found", "give a tar pack or a folder of images")
        self.device = torch.device(device)
        self.names = list(names) or [f"photo {i}" for i in range(len(held))]
        self._turns = torch.tensor(TURNS[symmetries])
        self._sizes = torch.tensor([photo.shape[1:] for photo in held])
        self._smallest = int(self._sizes.min())
        lengths = torch.tensor([photo.numel() for photo in held])
        self._starts = lengths.cumsum(0) - lengths
        # All photos lie in one row of bytes, so that a batch is gathered at once from any of them.
        self._bytes = torch.empty(int(lengths.sum()), dtype=torch.uint8, device=self.device)
        self.photos: list[Tensor] = []
        for start in self._starts.tolist():
            photo = held.popleft()
            view = self._bytes[start : start + photo.numel()].view(photo.shape)
            self.photos.append(view.copy_(photo))
        details = [detail(photo).cpu() for photo in self.photos]
        weight = torch.cat([one.flatten() for one in details]).double()
        # A set of flat colours has no detail at all; its cells are then all alike.
        self._cumulative = torch.cumsum(weight + BASE * weight.mean().clamp(min=1e-6), 0)
        self._grids = torch.tensor([one.shape for one in details])
        # Photo, row and column of every cell.
        places = (torch.ones_like(one).nonzero() for one in details)
        self._cells = torch.cat([F.pad(at, (1, 0), value=i) for i, at in enumerate(places)])

    def __len__(self) -> int:
        """Photos, or pairs."""
        return len(self.photos)

    def crops(self, count: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw crops, turned and mirrored; (count, 3 or 6, size, size) uint8 on the device.

        A crop as large as a photo is that photo. What is drawn follows from *generator* alone,
        whatever the device; the generator is one of the CPU.

        Raises :class:`InputError` naming the first photo that is smaller than *size*, drawn or not.
        """
        if size > self._smallest:
            small = int((self._sizes < size).any(1).nonzero()[0])
            raise _too_small(self.names[small], self.photos[small].shape[1:], size)
        fraction, jitter, turns = _drawn(count, self._turns, generator)
        picks = torch.searchsorted(self._cumulative, fraction * self._cumulative[-1])
        cell = self._cells[picks.clamp(max=len(self._cells) - 1)]
        index = cell[:, 0]
        sides = self._sizes[index]
        centres = (cell[:, 1:] + jitter.double()) * sides / self._grids[index]
        # Moved inside their photos.
        corners = torch.minimum((centres - size / 2).clamp(min=0).long(), sides - size)
        return turned_each(self._cut(index, corners, size), turns)

    def _cut(self, index: Tensor, corners: Tensor, size: int) -> Tensor:
        """Crops (N, C, size, size) at *corners* (N, 2) of the photos *index* (N,)."""
        height, width = self._sizes[index].unbind(1)
        first = self._starts[index] + corners[:, 0] * width + corners[:, 1]
        planes = torch.arange(self.photos[0].shape[0]) * (height * width)[:, None]
        rows = torch.arange(size) * width[:, None]
        starts = first[:, None, None] + planes[:, :, None] + rows[:, None]
        # A row of a crop is a run of bytes; the unfolded view has a run at every byte.
        runs = self._bytes.unfold(0, size, 1)
        return runs.index_select(0, starts.flatten().to(self.device)).view(*starts.shape, size)


def _decode_all(chosen: Sequence[Entry], reading: Reading) -> list[Tensor]:
    """Photos (3 or 6, H, W) uint8 of entries, decoded by as many threads as there are cores."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda entry: _decode_one(entry, reading), chosen))


def _decode_one(entry: Entry, reading: Reading) -> Tensor:
    """The photo (3 or 6, H, W) uint8 of one entry."""
    pixels = read_entry(entry, reading)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _too_small(name: str, size: Sequence[int], wanted: int) -> InputError:
    """The error of a photo, (height, width), without a crop of *wanted* pixels."""
    return InputError(
        f"{name!r} has {size[1]} x {size[0]} pixels, too few for a crop of {wanted} x {wanted}",
        "lower the patch of the recipe, or remove the photo",
    )


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
        self._turns = torch.tensor(TURNS[self._reading.symmetries])
        self._cache = _Cache(int(self._reading.memory * 2**30))
        self._measuring = threading.Lock()
        self._weights: tuple[float, NDArray[np.float64]] | None = None

    def __len__(self) -> int:
        """Photos, or pairs."""
        return len(self.entries)

    @property
    def cached(self) -> int:
        """Bytes of decoded photos that are kept now."""
        return self._cache.size

    def crops(self, count: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw crops, turned and mirrored; (count, 3 or 6, size, size) uint8 on the device.

        What is drawn follows from *generator* alone, whatever is kept.

        Raises :class:`InputError` where a photo that is drawn is smaller than *size* or cannot be
        decoded.
        """
        _, running = self._measured()
        fraction, jitter, turns = _drawn(count, self._turns, generator)
        places = (fraction * running[-1]).tolist()
        draws = zip(places, jitter.tolist(), strict=True)
        cuts = [self._cut(size, place, shift) for place, shift in draws]
        return turned_each(torch.stack(cuts), turns).to(self.device)

    def _cut(self, size: int, place: float, shift: Sequence[float]) -> Tensor:
        """The crop around a point of the cell at *place* of the sum of all weights."""
        base, running = self._measured()
        index = min(int(np.searchsorted(running, place)), len(running) - 1)
        place -= running[index - 1] if index else 0.0
        photo = self._cache.get(index, self._decoded)
        sides = photo.pixels.shape[1:]
        if min(sides) < size:
            raise _too_small(str(self.entries[index].target), sides, size)
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
        pixels = _decode_one(self.entries[index], self._reading)
        return _Photo(pixels, detail(pixels).double().numpy())

    def _measured(self) -> tuple[float, NDArray[np.float64]]:
        """What every cell weighs beside its detail, and the running sum of the photos' weights.

        The first call decodes them all.
        """
        with self._measuring:
            if self._weights is None:
                with ThreadPoolExecutor() as pool:
                    found = list(pool.map(self._measure, range(len(self.entries))))
                sums, cells = np.array(found).T
                base = BASE * max(sums.sum() / cells.sum(), 1e-6)
                self._weights = float(base), np.cumsum(sums + base * cells)
            return self._weights

    def _measure(self, index: int) -> tuple[float, int]:
        """Sum of the detail of a photo's cells, and their number."""
        detail = self._cache.get(index, self._decoded).detail
        return float(detail.sum()), detail.size


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
) -> tuple[Photos, list[Tensor]]:
    """The training photos of *sources* and *hold_out* evenly spaced ones that are kept from them.

    All lie on the device, or are decoded on demand where ``reading.memory`` is set. Held-out photos
    are never drawn for training, nor is what shares a target with them. For sources of one's own
    see :func:`~undegrade.training.data.sources.own_data`.

    Raises
    ------
    InputError, UsageError: see :func:`~undegrade.training.data.sources.entries`, and for files
        :func:`~undegrade.training.data.decoding.read_entry`.
    RecipeError: nothing would be left to train on.
    """
    reading = reading or Reading()
    if own := [make for make in map(own_data, sources) if make]:
        if len(sources) > 1:
            raise InputError("photos of one's own go with no other source", "give it alone")
        return _own(str(sources[0]), own[0], hold_out, device, reading)
    training, held = split(entries(sources, reading), hold_out)
    if reading.memory:
        photos: Photos = LazyPhotoSet(training, device, reading)
    else:
        names = [str(entry.target) for entry in training]
        decoded = deque(_decode_all(training, reading))
        # Handed over one by one, so that no more than one photo is held twice.
        given = (decoded.popleft() for _ in names)
        photos = PhotoSet(given, device, reading.symmetries, names)
    return photos, [photo.to(device) for photo in _decode_all(held, reading)]


def _own(
    name: str, make: Callable[..., object], count: int, device: torch.device | str, reading: Reading
) -> tuple[Photos, list[Tensor]]:
    wanted = "return photos with a method crops(count, size, generator), and a list of tensors"
    try:
        photos, held = cast(tuple[Any, Any], make(count, device, reading))
    except TypeError as error:
        raise InputError(f"{name}(hold_out, device, reading) failed: {error}", wanted) from None
    if not callable(getattr(photos, "crops", None)) or not isinstance(held, list):
        raise InputError(f"{name} gave {type(photos).__name__}, {type(held).__name__}", wanted)
    return cast(Photos, photos), held
