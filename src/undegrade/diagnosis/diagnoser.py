"""The best way that this installation has to diagnose a photo."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from undegrade.catalog import Catalog
from undegrade.diagnosis.classical import estimate
from undegrade.diagnosis.diagnose import diagnose
from undegrade.diagnosis.fade import NAME as FADE
from undegrade.diagnosis.fade import open_fade
from undegrade.diagnosis.network import NAME, open_reader
from undegrade.diagnosis.result import Diagnosis
from undegrade.picture import Picture

BLIND = "the diagnosis network is missing: noise is estimated without it, and detail is not"
"""Told of each photo where classical estimators stand in."""

Diagnoser: TypeAlias = Callable[[Picture], Diagnosis]
"""Diagnoses a picture; may be called from several threads at once."""


def open_diagnoser(catalog: Catalog, threads: int | None = None) -> Diagnoser:
    """By the networks in *catalog*; classical estimators stand in for the one that reads crops, and
    without the one for faded prints none is found.

    Raises
    ------
    ModelError: a network is there, but damaged.
    """
    model, faded = catalog.models.get(NAME), catalog.models.get(FADE)
    if model is None or not model.path.is_file():
        return estimate
    fade = open_fade(faded, threads) if faded and faded.path.is_file() else None
    return partial(diagnose, reader=open_reader(model, threads), fade=fade)
