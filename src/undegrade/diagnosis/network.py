"""The trained network: a card of the catalogue, run on crops, and what they say of the photo."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.catalog import Model, read_weights
from undegrade.diagnosis.units import CROP, LOG_VARIANCES, QUANTITIES
from undegrade.errors import ModelError
from undegrade.imaging.arrays import Doubles, Floats
from undegrade.imaging.noise_levels import NOISE
from undegrade.runtime import open_session
from undegrade.runtime.session import Session

NAME = "diagnosis"
"""What the catalogue calls it."""

BATCH = 8
"""Crops run at once, which bounds memory at about 60 MB."""

SHARED, SHARED_NOISE = 0.3, 0.6
"""Part of a crop's variance that all crops of a photo share: they show one scene through one lens,
so that sixteen of them are not sixteen independent opinions. That of noise is such that errors on
damage of kinds that training never draws are as large as they are said to be."""

FAINT = 0.01
"""Level of noise, half a step of 8 bit, below which errors are no longer told in parts of it."""

SUREST = 0.35
"""Relative deviation that no crop's opinion on noise falls below when it is weighed: a few that
are sure and wrong, such as gravel, are outvoted."""

AT = {"blur": 0.25}
"""Which weighted quantile of the crops speaks for the photo, where it is not the median.

The median, because a few crops may be wrong and sure of it: a lawn looks like noise, a fence like
blocks. For blur the sharpest quarter, because a background out of focus is no damage.
"""


CropReader: TypeAlias = Callable[[Floats], tuple[Doubles, Doubles]]
"""Levels and their standard deviations, each (N, quantities), of (N, 3, 128, 128) crops.

May be called from several threads at once. Raises :class:`ModelError` where the network returns
something else.
"""


def _read(session: Session, crops: Floats) -> tuple[Doubles, Doubles]:
    name = session.get_inputs()[0].name
    outputs = [
        session.run(None, {name: np.ascontiguousarray(crops[i : i + BATCH])})[0]
        for i in range(0, len(crops), BATCH)
    ]
    output = np.concatenate(outputs).astype(np.float64)
    if output.shape != (len(crops), 2 * len(QUANTITIES)) or not np.isfinite(output).all():
        raise ModelError(
            f"the diagnosis network returned {output.shape}, or values that are not finite",
            "install undegrade again, or export the network again",
        )
    mean, log_variance = np.split(output, 2, axis=1)
    return mean, np.exp(np.clip(log_variance, *LOG_VARIANCES) / 2)


def open_reader(model: Model, threads: int | None = None) -> CropReader:
    """Open a network that diagnoses.

    Raises :class:`ModelError` if it is missing, damaged, or no such network.
    """
    card = model.card
    if (card.task, card.levels, card.crop) != ("diagnose", QUANTITIES, CROP):
        raise ModelError(
            f"the card of {card.name!r} is of a network for {card.task!r} that reads "
            f"{', '.join(card.levels) or 'nothing'} off crops of {card.crop} pixels",
            f"export one that reads {', '.join(QUANTITIES)} off crops of {CROP}",
        )
    session = open_session(
        read_weights(model), model.path.name, threads=threads, remedy="export it again"
    )
    shape = session.get_inputs()[0].shape
    if list(shape[1:]) != [3, CROP, CROP]:
        raise ModelError(f"the diagnosis network takes {shape}", f"crops are 3 x {CROP} x {CROP}")
    return partial(_read, session)


def aggregate(mean: Doubles, deviation: Doubles) -> tuple[Doubles, Doubles]:
    """Levels of the photo and their standard deviations, each (K,), from crops' (N, K).

    Each crop counts by the inverse of its variance, so that a crop that cannot know, such as blue
    sky for blur, is not asked; the weighted median, or the quantile ``AT``, is taken. Its variance
    is that of the crops, of which only the part not shared becomes smaller with their effective
    number.

    How far noise may be misread grows with the noise, so its deviation is taken relative to it (and
    to ``FAINT``): by plain ones the crops that see least of it are always the surest, and on damage
    of kinds that training never draws photos were read 0.9 too low of 0..255, now 0.1.
    """
    noise = np.isin(QUANTITIES, NOISE)
    relative = deviation / _unit(mean, noise)
    weight = 1.0 / np.where(noise, np.maximum(relative, SUREST), relative) ** 2
    weight /= weight.sum(0)
    level = np.array(
        [
            _quantile(mean[:, k], weight[:, k], AT.get(quantity, 0.5))
            for k, quantity in enumerate(QUANTITIES)
        ]
    )
    typical = 1.0 / (1.0 / relative**2).mean(0)
    effective = 1.0 / (weight**2).sum(0)
    shared = np.where(noise, SHARED_NOISE, SHARED)
    error = np.sqrt(typical * (shared + (1.0 - shared) / effective))
    return level, error * _unit(level, noise)


def _unit(level: Doubles, noise: NDArray[np.bool_]) -> Doubles:
    """What errors of *level* are parts of: that of *noise* itself, 1 of all else."""
    return np.where(noise, np.maximum(level, 0.0) + FAINT, 1.0)


def _quantile(values: Doubles, weights: Doubles, share: float) -> float:
    """The weighted quantile, linear between the middles of the weights."""
    order = np.argsort(values, kind="stable")
    middles = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share, middles, values[order]))
