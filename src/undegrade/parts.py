"""A part of a photo, computed on it alone, as a run over the whole photo would.

A network reaches as far as its radius, so a window that is larger by all radii gives the part what
a run over the whole photo would. Two things come from elsewhere: levels, from the plan for the
whole, and the thumbnail that networks for light see, from a small copy of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from undegrade.errors import UsageError
from undegrade.picture import Picture
from undegrade.plan import Step
from undegrade.runtime import WholePhoto, make_thumbnail
from undegrade.runtime.colour_lock import CELL

LOCKED = 5 * CELL
"""Pixels around a part that settle its colours as in the whole photo: two cells of the lock's
kernel, one between whose centres it interpolates, and a last one that is up to twice as long."""
SMALL = 256
"""Longest side, about, of the copy that is brought as far as a network that wants a thumbnail."""

Apply = Callable[[Picture, Sequence[Step], Mapping[str, WholePhoto]], Picture]
"""What steps make of a picture, given the photo that it is a part of by the names of steps."""


@dataclass(frozen=True)
class Box:
    """Part of a photo in pixels, upright."""

    x: int
    y: int
    width: int
    height: int

    def within(self, picture: Picture) -> Box:
        """The part that lies inside; raises :class:`UsageError` where nothing does."""
        width = min(self.width, picture.width - self.x)
        height = min(self.height, picture.height - self.y)
        if width < 1 or height < 1:
            raise UsageError(
                f"x = {self.x}, y = {self.y} lies outside of {picture.width} x {picture.height}",
                "choose a part of the photo",
            )
        return Box(self.x, self.y, width, height)

    def grown(self, margin: int, multiple: int, picture: Picture) -> Box:
        """With *margin* pixels around where there are any; its corner at a *multiple*."""
        x, y = (max(0, at - margin) // multiple * multiple for at in (self.x, self.y))
        right = min(picture.width, self.x + self.width + margin)
        bottom = min(picture.height, self.y + self.height + margin)
        return Box(x, y, right - x, bottom - y)


def cut(picture: Picture, box: Box) -> Picture:
    """The part of *picture* in *box*, everything else as it is."""
    rows, columns = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
    alpha = None if picture.alpha is None else picture.alpha[rows, columns]
    return replace(picture, pixels=picture.pixels[rows, columns], alpha=alpha)


def small(picture: Picture) -> Picture:
    """Every so many-th pixel of *picture*, without alpha: for what large areas are like."""
    every = max(1, max(picture.width, picture.height) // SMALL)
    pixels = np.ascontiguousarray(picture.pixels[::every, ::every])
    return replace(picture, pixels=pixels, alpha=None)


def apply_to_part(apply: Apply, picture: Picture, steps: Sequence[Step], box: Box) -> Picture:
    """What becomes of *box* where *steps* are applied to the whole of *picture*.

    Raises :class:`UsageError` where the box lies outside.
    """
    box = box.within(picture)
    reach = sum(step.model.card.radius * step.shrink for step in steps)
    # Its cells are those of the whole photo where the part begins with one.
    multiple = math.lcm(CELL, *(step.model.card.multiple * step.shrink for step in steps))
    window = box.grown(reach + LOCKED, multiple, picture)
    moved = [step.moved(window.x, window.y) for step in steps]
    result = apply(cut(picture, window), moved, _wholes(apply, picture, steps, window))
    scale = result.width // window.width
    inner = Box(box.x - window.x, box.y - window.y, box.width, box.height)
    return cut(result, Box(*(scale * length for length in vars(inner).values())))


def _wholes(
    apply: Apply, picture: Picture, steps: Sequence[Step], window: Box
) -> Mapping[str, WholePhoto]:
    """What each network that sees the whole photo would see of it, when its turn comes."""
    to_srgb = None if picture.colour.is_srgb else picture.colour.to_srgb
    seen: dict[str, WholePhoto] = {}
    for number, step in enumerate(steps):
        side = step.model.card.thumbnail
        if side == 0:
            continue
        before, earlier = picture, steps[:number]
        grown = math.prod(one.scale for one in earlier)
        # Steps that keep local colours change nothing that a thumbnail shows. Of those that do not,
        # restoring is none, and would take the longest.
        if not all(one.model.card.colour_locked for one in earlier):
            needed = [replace(one, faithful=()) for one in earlier if one.name != "restore"]
            before = apply(small(picture), needed, seen)
        seen[step.name] = WholePhoto(
            make_thumbnail(before.pixels, side, to_srgb),
            *(grown * length for length in (picture.height, picture.width, window.y, window.x)),
        )
    return seen
