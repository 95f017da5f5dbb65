"""Faded prints and slides: what a network that gives their contrast and colours back would change.

Grey that was black and colours that have turned can be fog and evening as well. What tells them
apart is the scene, so it is asked who has learned it: the network that the plan would run leaves
most photos as they are that need nothing. Of the others, black tells: no channel of a faded print
reaches it, and no dye fades so far that it is as light as fog.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from undegrade.catalog import Model
from undegrade.diagnosis.light import jackknife, parts_of
from undegrade.diagnosis.shade import cells
from undegrade.errors import ModelError
from undegrade.metrics.colour import lab
from undegrade.picture import Picture
from undegrade.runtime import Network, WholePhoto, make_thumbnail, open_network

NAME = "fade"
"""What the catalogue calls it."""

BLACK = 0.005
"""Share of a photo that counts as its black: frames and scratches are less."""


@dataclass(frozen=True)
class Fade:
    """What is to be known of a print."""

    change: float
    """Mean of what the network would change of a value, in hundredths of the scale."""
    error: float
    """Its standard error; see :func:`~undegrade.diagnosis.light.jackknife`."""
    least: float
    """Black of the channel that is darkest there, encoded, 0..1."""
    lightness: float
    """L* of black, 0..100."""


FadeReader: TypeAlias = Callable[[Picture], Fade]
"""Reads a picture of 2 pixels a side at least; may be called from several threads at once."""


def _read(network: Network, picture: Picture) -> Fade:
    """What a small copy of *picture* tells."""
    small, multiple = cells(picture).clip(0.0, 1.0), network.card.multiple
    height, width = (side // multiple * multiple for side in small.shape[:2])
    seen = np.round(65535.0 * small[:height, :width]).astype(np.uint16)
    thumbnail = make_thumbnail(seen, network.card.thumbnail, None)
    before = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], np.float32) / 65535.0
    after = network.run(before, whole=WholePhoto(thumbnail, height, width)).clip(0.0, 1.0)
    change = 100.0 * np.abs(after - before).mean((0, 1), np.float64)
    part = parts_of(height, width)
    without = [float(change[part != one].mean()) for one in np.unique(part)]
    rgb = seen.reshape(-1, 3) / np.float32(65535.0)
    return Fade(
        float(change.mean()),
        float(jackknife(without)),
        float(np.quantile(rgb, BLACK, axis=0).min()),
        float(np.quantile(lab(rgb)[..., 0], BLACK)),
    )


def open_fade(model: Model, threads: int | None = None) -> FadeReader:
    """Open the network for faded prints.

    Raises :class:`ModelError` if it is missing, damaged, or no such network.
    """
    card = model.card
    if (card.task, card.scale, card.thumbnail > 0) != (NAME, 1, True):
        raise ModelError(
            f"the card of {card.name!r} is of a network for {card.task!r}, not one for {NAME!r} "
            "that takes a thumbnail",
            "install undegrade again",
        )
    return partial(_read, open_network(model, threads=threads, device="cpu"))
