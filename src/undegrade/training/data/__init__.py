"""Training data: sources, photos held or decoded on demand, batches made ahead, and checks.

``settings``, ``files``, ``entry``, ``layouts``, ``published``, ``sources``, ``decoding``,
``check``, ``collection``, ``clones``, ``reduction``, ``gather`` and ``gathered`` are free of torch;
the rest is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undegrade.training.data.photos import PhotoSet as PhotoSet
    from undegrade.training.data.photos import PhotoSource as PhotoSource
    from undegrade.training.data.prefetch import Prefetcher as Prefetcher
    from undegrade.training.data.prefetch import step_generator as step_generator
    from undegrade.training.data.settings import Reading as Reading
    from undegrade.training.data.stream import LazyPhotoSet as LazyPhotoSet
    from undegrade.training.data.stream import load as load

_PUBLIC = {
    "LazyPhotoSet": "stream",
    "PhotoSet": "photos",
    "PhotoSource": "photos",
    "Prefetcher": "prefetch",
    "Reading": "settings",
    "load": "stream",
    "step_generator": "prefetch",
}

__all__ = [
    "LazyPhotoSet",
    "PhotoSet",
    "PhotoSource",
    "Prefetcher",
    "Reading",
    "load",
    "step_generator",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: checking data needs no torch."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
