"""The best way that this installation has to diagnose a photo."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from undegrade.catalog import Catalog
from undegrade.diagnosis.classical import estimate
from undegrade.diagnosis.diagnose import diagnose
from undegrade.diagnosis.network import NAME, open_reader
from undegrade.diagnosis.result import Diagnosis
from undegrade.picture import Picture

BLIND = "the diagnosis network is missing: noise is estimated without it, and detail is not"
"""Told of each photo where classical estimators stand in."""

Diagnoser: TypeAlias = Callable[[Picture], Diagnosis]
"""Diagnoses a picture; may be called from several threads at once."""


def open_diagnoser(catalog: Catalog, threads: int | None = None) -> Diagnoser:
    """By the network in *catalog*, or by classical estimators where it is missing.

    Raises
    ------
    ModelError: the network is there, but damaged.
    """
    model = catalog.models.get(NAME)
    if model is None or not model.path.is_file():
        return estimate
    return partial(diagnose, reader=open_reader(model, threads))
