"""The best way that this installation has to diagnose a photo."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from undegrade.diagnosis import network
from undegrade.diagnosis.classical import estimate
from undegrade.diagnosis.diagnose import diagnose
from undegrade.diagnosis.result import Diagnosis
from undegrade.picture import Picture

BLIND = "the diagnosis network is missing: noise is estimated without it, and detail is not"
"""Told of each photo where classical estimators stand in."""

Look: TypeAlias = Callable[[Picture], Diagnosis]
"""Diagnoses a picture; may be called from several threads at once."""


def open_look(threads: int | None = None) -> Look:
    """By the network that ships, or by classical estimators where it is missing.

    Raises
    ------
    ModelError: the network is there, but damaged.
    """
    if not network.BUNDLED.is_file():
        return estimate
    return partial(diagnose, reader=network.open_reader(threads=threads))
