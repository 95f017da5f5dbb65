"""Where a user's own files are kept: ``$UNDEGRADE_HOME``, or the platform's places."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_folder(name: str) -> Path:
    """The folder called *name* of what a user has chosen or downloaded; it may not exist yet."""
    return _place("Application Support", "XDG_DATA_HOME", ".local/share") / name


def cache_folder() -> Path:
    """The folder of what can be made again; it may not exist yet."""
    return _place("Caches", "XDG_CACHE_HOME", ".cache")


def _place(mac: str, variable: str, usual: str) -> Path:
    if home := os.environ.get("UNDEGRADE_HOME"):
        return Path(home)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / mac
    else:
        base = Path(os.environ.get(variable, Path.home() / usual))
    return base / "undegrade"
