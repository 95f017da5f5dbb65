"""Training photos held on the device as bytes, and crops drawn from them in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.errors import InputError
from undegrade.training.data import crops as cropping
from undegrade.training.data.decoding import read_entry
from undegrade.training.data.entry import Entry
from undegrade.training.data.settings import Reading, Symmetries
from undegrade.training.data.sources import Source, entries
from undegrade.training.data.sources import hold_out as split


class PhotoSource(Protocol):
    """A set from which crops are drawn, wherever its photos are."""

    device: torch.device
    """Where crops come out."""

    def __len__(self) -> int:
        """Photos, or pairs."""

    def crops(self, count: int, size: int, generator: torch.Generator) -> Tensor:
        """(count, 3, size, size) uint8, or (count, 6, size, size): inputs above targets."""

    def require(self, size: int) -> None:
        """Raise InputError naming the first photo that has no crop of *size* pixels."""


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

    Raises
    ------
    InputError: no photo.
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
        self._turns = torch.tensor(cropping.TURNS[symmetries])
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
        details = [cropping.detail(photo).cpu() for photo in self.photos]
        self._cumulative = cropping.cumulative(torch.cat([one.flatten() for one in details]))
        self._grids = torch.tensor([one.shape for one in details])
        self._cells = torch.cat(
            [F.pad(cropping.cells(one.shape), (1, 0), value=i) for i, one in enumerate(details)]
        )

    @classmethod
    def load(
        cls,
        sources: Sequence[Source],
        hold_out: int = 0,
        device: torch.device | str = "cpu",
        reading: Reading | None = None,
    ) -> tuple[PhotoSet, list[Tensor]]:
        """Read all of *sources*; *hold_out* evenly spaced photos are kept from the set.

        Held-out photos are never drawn for training, nor is what shares a target with them.

        Raises
        ------
        InputError, UsageError: see :func:`~undegrade.training.data.sources.entries`, and for
            files :func:`~undegrade.training.data.decoding.read_entry`.
        RecipeError: nothing would be left to train on.
        """
        reading = reading or Reading()
        training, held = split(entries(sources, reading), hold_out)
        names = [str(entry.target) for entry in training]
        photos = deque(decode_all(training, reading))
        # Handed over one by one, so that no more than one photo is held twice.
        given = (photos.popleft() for _ in names)
        kept = [photo.to(device) for photo in decode_all(held, reading)]
        return cls(given, device, reading.symmetries, names), kept

    def __len__(self) -> int:
        """Photos, or pairs."""
        return len(self.photos)

    def require(self, size: int) -> None:
        """See that every photo has a crop of *size* pixels.

        Raises
        ------
        InputError: naming the first that has none.
        """
        if size > self._smallest:
            index = int((self._sizes < size).any(1).nonzero()[0])
            raise too_small(self.names[index], self.photos[index].shape[1:], size)

    def crops(self, count: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw crops, turned and mirrored; (count, 3 or 6, size, size) uint8 on the device.

        A crop as large as a photo is that photo. What is drawn follows from *generator* alone,
        whatever the device; the generator is one of the CPU.

        Raises
        ------
        InputError: a photo is smaller than *size*.
        """
        self.require(size)
        fraction = torch.rand(count, generator=generator, dtype=torch.float64)
        picks = cropping.draw(self._cumulative, fraction)
        jitter = torch.rand(count, 2, generator=generator)
        turns = self._turns[torch.randint(0, len(self._turns), (count,), generator=generator)]
        cell = self._cells[picks]
        index = cell[:, 0]
        centres = (cell[:, 1:] + jitter.double()) * self._sizes[index] / self._grids[index]
        corners = cropping.corner(centres, size, self._sizes[index])
        return cropping.turned_each(self._cut(index, corners, size), turns)

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


def decode_all(chosen: Sequence[Entry], reading: Reading) -> list[Tensor]:
    """Photos (3 or 6, H, W) uint8 of entries, decoded by as many threads as there are cores."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda entry: decode_one(entry, reading), chosen))


def decode_one(entry: Entry, reading: Reading) -> Tensor:
    """The photo (3 or 6, H, W) uint8 of one entry."""
    pixels = read_entry(entry, reading)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def too_small(name: str, size: Sequence[int], wanted: int) -> InputError:
    """The error of a photo, (height, width), without a crop of *wanted* pixels."""
    return InputError(
        f"{name!r} has {size[1]} x {size[0]} pixels, too few for a crop of {wanted} x {wanted}",
        "lower the patch of the recipe, or remove the photo",
    )
