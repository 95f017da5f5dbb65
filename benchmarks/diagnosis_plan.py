"""Measure what the plan makes of what the diagnosis finds; rows for ``diagnosis.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from diagnosis_cases import (
    Floats,
    Measure,
    Patient,
    as_picture,
    damaged,
    enlarged,
    gradient,
    mean,
    psnr,
    to_file,
)
from numpy.typing import NDArray

from undegrade.catalog import Catalog
from undegrade.diagnosis import diagnose
from undegrade.enhancer import Enhancer, Result
from undegrade.imaging.resize import imresize
from undegrade.levels import Levels
from undegrade.picture import Picture
from undegrade.plan import STEPS, Wishes, make_plan
from undegrade.runtime import Network, open_network, process, tile_side

BLIND_LOSS = 0.15
"""Most that may be lost by not knowing, in dB."""
BLIND = {
    "cbsd68": [("noise", sigma) for sigma in (15, 25, 50)],
    "live1": [("jpeg", quality) for quality in (10, 20, 30, 40)],
}
"""What is restored blind and knowing, for each set that has such a protocol."""
HARMS: dict[str, Callable[[Floats, int], Floats]] = {
    "noise": lambda truth, sigma: damaged(truth, "gaussian-noise", sigma=float(sigma)),
    "jpeg": lambda truth, quality: damaged(truth, "jpeg", quality=quality),
}


def blind_rows(look: Patient, name: str, truths: list[Floats]) -> list[Measure]:
    """What restoring loses where the diagnosis, not the truth, says how much there is."""
    catalog = Catalog()
    network = open_network(catalog.find("restore"))
    levels = network.card.levels
    rows = []
    for quantity, value in BLIND.get(name, ()):
        known = Levels(noise=value) if quantity == "noise" else Levels(jpeg=value)
        told = [known.named()[level] for level in levels]
        knowing, blind = [], []
        for truth in truths:
            harmed = HARMS[quantity](truth, value)
            picture = as_picture(harmed)
            knowing.append(psnr(restored(network, picture, told), truth))
            steps = make_plan(look(harmed), Wishes(), catalog.find).steps
            guessed = [step.levels for step in steps if step.name == "restore"]
            output = restored(network, picture, guessed[0]) if guessed else picture.pixels
            blind.append(psnr(output, truth))
        both = mean(knowing), mean(blind)
        protocol = f"{name}, {quantity} {value}: {both[0]:.2f} knowing, {both[1]:.2f} blind"
        loss = both[0] - both[1]
        rows.append(Measure(protocol, "lost by not knowing", loss, BLIND_LOSS, len(truths)))
    return rows


def restored(network: Network, picture: Picture, levels: Sequence[float]) -> NDArray[np.uint8]:
    return process(network, picture.pixels, levels, tile=tile_side(network.card))


RESIZED = (1 / 2, 2 / 3, 3 / 4, 3 / 2)
RESIZED_QUALITIES = (10, 30, 50, 70)


def resized_rows(look: Patient, name: str, truths: list[Floats]) -> list[Measure]:
    """What restoring gains on JPEGs that were resized after coding, read as they are."""
    if name != "live1":
        return []
    enhancer = only("restore", look)
    rows = []
    for factor in RESIZED:
        for quality in RESIZED_QUALITIES:
            gains = []
            for truth in truths:
                coded = imresize(damaged(truth, "jpeg", quality=quality), scale=factor)
                whole = to_file(imresize(truth, scale=factor))
                picture = as_picture(coded)
                gains.append(psnr(enhancer(picture).array, whole) - psnr(picture.pixels, whole))
            protocol = f"{name}, JPEG quality {quality} resized by {factor:.2f}, restored"
            rows.append(Measure(protocol, "gained", mean(gains), 0.0, len(truths)))
    return rows


SOFT: dict[str, Callable[[Floats], Floats]] = {
    "enlarged 1.5 times": lambda truth: enlarged(truth, 1.5),
    "enlarged twice": lambda truth: enlarged(truth, 2),
    "enlarged 4 times": lambda truth: enlarged(truth, 4),
    "blur sigma 1": lambda truth: damaged(truth, "blur", sigma=1.0),
    "blur sigma 1.5": lambda truth: damaged(truth, "blur", sigma=1.5),
    "blur sigma 2.5": lambda truth: damaged(truth, "blur", sigma=2.5),
}


def soft_rows(look: Patient, name: str, truths: list[Floats]) -> list[Measure]:
    """What resharpening gains where the plan takes it, and how often it does."""
    if name not in ("live1", "set5"):
        return []
    enhancer = only("resharpen", look)
    rows = []
    for what, harm in SOFT.items():
        gains, sharper, taken = [], [], 0
        for truth in truths:
            picture = as_picture(harm(truth))
            result = enhancer(picture)
            taken += not result.unchanged
            gains.append(psnr(result.array, truth) - psnr(picture.pixels, truth))
            sharper.append(gradient(result.array) / gradient(picture.pixels))
        protocol = f"{name}, {what}: {taken} resharpened, x {mean(sharper):.2f} as sharp"
        rows.append(Measure(protocol, "gained", mean(gains), 0.0, len(truths)))
    return rows


def only(name: str, look: Patient) -> Callable[[Picture], Result]:
    """What the plan does, but for every step except *name*."""
    others = tuple(step for step in STEPS if step != name)
    enhancer = Enhancer(diagnoser=partial(diagnose, reader=look.reader))
    return partial(enhancer, wishes=Wishes(skip=others))
