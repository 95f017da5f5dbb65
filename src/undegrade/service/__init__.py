"""The service: one REST interface and one page, over the same engine as the command line.

>>> from undegrade.service import Settings, create_app
>>> app = create_app(Settings(workers=1))  # an ASGI application
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undegrade.service.app import create_app as create_app
    from undegrade.service.settings import Settings as Settings

_PUBLIC = {"Settings": "undegrade.service.settings", "create_app": "undegrade.service.app"}

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: workers need no web framework."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'undegrade.service' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
