"""What is shown of a photo: all of it, small; and what becomes of a part, computed on it alone.

A network reaches as far as its radius, so a window that is larger by all radii gives the part what
a run over the whole photo would. Two things come from elsewhere: levels, from the plan for the
whole, and the thumbnail that networks for light see, from a small copy of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.enhancer import Enhancer
from undegrade.errors import UsageError
from undegrade.picture import Picture, to_pil
from undegrade.plan import Plan, Step
from undegrade.runtime import WholePhoto, make_thumbnail
from undegrade.runtime.colour_lock import CELL

LOCKED = 5 * CELL
"""Pixels around a part that settle its colours as in the whole photo: two cells of the lock's
kernel, one between whose centres it interpolates, and a last one that is up to twice as long."""
SMALL = 256
"""Longest side, about, of the copy that is brought as far as a network that wants a thumbnail."""

QUALITY = 88
"""Of renderings."""


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


def enhance_part(enhancer: Enhancer, picture: Picture, plan: Plan, box: Box) -> Picture:
    """What becomes of *box* when *enhancer* runs *plan* on *picture*.

    Raises
    ------
    UsageError: the box lies outside.
    """
    box, steps = box.within(picture), plan.steps
    reach = sum(step.model.card.radius * step.shrink for step in steps)
    # Its cells are those of the whole photo where the part begins with one.
    multiple = math.lcm(CELL, *(step.model.card.multiple * step.shrink for step in steps))
    window = box.grown(reach + LOCKED, multiple, picture)
    wholes = _wholes(enhancer, picture, steps, window)
    result = enhancer.apply(cut(picture, window), steps, wholes=wholes)
    scale = result.width // window.width
    inner = Box(box.x - window.x, box.y - window.y, box.width, box.height)
    return cut(result, Box(*(scale * length for length in vars(inner).values())))


def cut(picture: Picture, box: Box) -> Picture:
    """The part of *picture* in *box*, everything else as it is."""
    rows, columns = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
    alpha = None if picture.alpha is None else picture.alpha[rows, columns]
    return picture.with_pixels(picture.pixels[rows, columns], alpha)


def _wholes(
    enhancer: Enhancer, picture: Picture, steps: Sequence[Step], window: Box
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
            small = picture.with_pixels(_reduced(picture), alpha=None)
            needed = [one for one in earlier if one.name != "restore"]
            before = enhancer.apply(small, needed, wholes=seen)
        seen[step.name] = WholePhoto(
            make_thumbnail(before.pixels, side, to_srgb),
            *(grown * length for length in (picture.height, picture.width, window.y, window.x)),
        )
    return seen


def _reduced(picture: Picture) -> NDArray[np.generic]:
    """Every so many-th pixel: for means over large areas, that is enough."""
    every = max(1, max(picture.width, picture.height) // SMALL)
    return np.ascontiguousarray(picture.pixels[::every, ::every])


def rendered(picture: Picture, side: int) -> tuple[bytes, str]:
    """The photo as any browser shows it: upright, 8 bit, sRGB, at most *side* pixels a side.

    The bytes of a file and its media type: JPEG, or WebP where there is transparency.
    """
    image = _small(picture, side)
    if not picture.colour.is_srgb:
        image = _in_srgb(image, picture)
    image.info.clear()
    out = BytesIO()
    if picture.alpha is None:
        image.save(out, "JPEG", quality=QUALITY, subsampling=0)
        return out.getvalue(), "image/jpeg"
    image.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue(), "image/webp"


def _small(picture: Picture, side: int) -> Image.Image:
    """The whole photo at most *side* pixels a side, in its own encoding."""
    image = to_pil(picture)
    factor = side / max(image.size)
    if factor >= 1:
        return image
    width, height = (max(1, round(length * factor)) for length in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _in_srgb(image: Image.Image, picture: Picture) -> Image.Image:
    """What lies outside of sRGB is clipped: a browser without colour management would, too."""
    colours = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    values = np.clip(picture.colour.to_srgb(colours), 0, 1) * np.float32(255)
    shown = Image.fromarray(np.rint(values).astype(np.uint8))
    if "A" in image.getbands():
        shown.putalpha(image.getchannel("A"))
    return shown
