"""The promised bound on memory: computed before anything is allocated."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from undegrade.catalog import Card
from undegrade.runtime.tiling import Grid, make_grid

BASE = 160_000_000
"""The started program with its libraries and open networks, in bytes (measured)."""

DIAGNOSIS = 60_000_000
"""Working memory of a diagnosis in bytes, whatever the size of the photo (measured)."""

FINDERS: Mapping[str, int] = {"face": 70_000_000, "text": 220_000_000}
"""What finds each of :data:`undegrade.runtime.subjects.SUBJECTS`, with its libraries, in bytes.

Measured as the peak of a process that looks at a photo of 12 MP, above that of one without finders:
57 and 197 MB. Most of it stays once it was opened."""

TILE_SIDES = (256, 384, 512, 640, 768, 1024)

TILE_BUDGET = 350_000_000
"""Working memory that one tile may take unless the user chooses the tile, in bytes."""

UNMEASURED = 8192
"""Bytes per pixel of a tile taken for a network that nobody has measured: that of a wide one."""


M_MMAP_THRESHOLD = -3
"""In glibc's ``malloc.h``."""
LARGE_BLOCK = 16_000_000
"""Bytes from which on what is freed goes back to the system at once: with 1 MB a photo takes less
memory still, and an eighth more time."""


def give_back_freed_memory() -> None:
    """Keep the C library from holding on to what tiles have freed, where it is glibc.

    By itself it takes blocks as large as any that were freed from heaps of its own, up to 32 MB
    (mallopt(3), ``M_MMAP_THRESHOLD``), and what is freed there stays, in holes that the next
    tile may not fit: the same photo took 430 MB in one run and 620 in another.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library has no such setting
            ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


def tile_side(card: Card, precision: str = "fp32", budget: int = TILE_BUDGET) -> int:
    """The largest usual kept side whose window fits into *budget* bytes of working memory.

    *precision* is ``fp32`` or ``int8``, in which a network may need less.
    """
    usable = [side for side in TILE_SIDES if side >= card.radius] or [card.radius]

    def need(side: int) -> int:
        return tile_need(card, make_grid(side, side, card.radius, card.multiple, None), precision)

    return max((side for side in usable if need(side) <= budget), default=usable[0])


def tile_need(
    card: Card,
    grid: Grid,
    precision: str = "fp32",
    *,
    averages: bool = False,
    restrained: bool = False,
) -> int:
    """Working memory of one tile in bytes: the network's activations, its input and output.

    Where it *averages* over turns, also the turned input, and a sum as large as the output; where
    it is *restrained*, the output of the faithful network and its share.
    """
    sums = 12 * (1 + card.scale**2) if averages else 0
    sums += 16 * card.scale**2 if restrained else 0
    in_bytes = card.int8_bytes_per_pixel if precision == "int8" else 0
    return grid.window_pixels * ((in_bytes or card.bytes_per_pixel or UNMEASURED) + sums)


@dataclass(frozen=True)
class Stage:
    """A network's run over a picture; everything in bytes."""

    before: int
    """Of what it sees, with what that was reduced from."""
    after: int
    """Of what it makes."""
    tile: int
    """Working memory of a tile (:func:`tile_need`)."""


def memory_bound(
    *,
    file: int,
    photo: int,
    reading: int,
    stages: Sequence[Stage],
    writing: int,
    finders: Collection[str] = (),
    workers: int = 1,
) -> int:
    """Upper bound on the peak memory of the process in bytes, *workers* such photos at a time.

    The file's bytes and the decoded photo stay from the beginning to the end. Decoding, each stage
    with a second copy of its output (colours are locked, strengths are mixed), the diagnosis of
    what comes out and its encoding come one after the other.

    Parameters
    ----------
    file, photo: bytes of the file, and of the decoded pixels with alpha.
    reading, writing: what the decoder needs beside these two, and the encoder beside the pixels
        that it is given, its file included; 0 where nothing is written.
    finders: what is looked for in the photo, of ``FINDERS``; photos share them.
    """
    made = stages[-1].after if stages else 0
    needs = [reading, made + DIAGNOSIS, made + writing]
    needs += [one.before + one.after + max(one.tile, one.after) for one in stages]
    return BASE + sum(FINDERS[kind] for kind in finders) + workers * (file + photo + max(needs))
