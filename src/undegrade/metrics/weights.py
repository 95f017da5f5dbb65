"""Where a metric's files lie, and that they are what they should be.

A file is looked for, in this order,

1. at the path that was given;
2. in the folder that the environment variable ``UNDEGRADE_BACKBONES`` names;
3. in the cache, the folder ``backbones`` of the user's own data;
4. at its address, from which it goes into the cache.

A file with a published name is checked against its sha256, wherever it lies. There is no fifth
step: a metric without its weights is a :class:`ModelError`, never another metric.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import ModelError, OutputError, UndegradeError, first_line
from undegrade.metrics.base import optional
from undegrade.metrics.published import WEIGHTS, File, Weights
from undegrade.metrics.torch_file import read_torch
from undegrade.places import data_folder

ENVIRONMENT = "UNDEGRADE_BACKBONES"
"""Environment variable with a folder of weights."""


def cache_folder() -> Path:
    """Where downloads are kept: ``$UNDEGRADE_HOME/backbones`` or the platform's place."""
    return data_folder("backbones")


def find(name: str, path: Path | None = None, table: Mapping[str, Weights] = WEIGHTS) -> Path:
    """The checked file of the weights called *name* in *table*, downloaded if need be.

    A *path* comes first; its contents are checked if it has the name of a published file.
    """
    files = table[name].files
    if path:
        if not path.is_file():
            raise ModelError(f"there is no file of weights {str(path)!r}", "check the path")
        for file in files:
            if path.name == file.name:
                _check(file, _sha256(path), str(path))
        return path
    for folder in _folders():
        for file in files:
            place = folder / file.name
            if place.is_file():
                _check(file, _sha256(place), str(place))
                return place
    for file in files:
        if file.url:
            return download(file, cache_folder())
    raise ModelError(
        f"the weights {name!r} ({files[0].name}) are on this machine in no known place",
        f"put the file into {str(cache_folder())!r} or into the folder that {ENVIRONMENT} names, "
        "or give its path",
    )


def arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of a ``.safetensors`` or ``.pth`` file, as they are stored."""
    try:
        if path.suffix == ".safetensors":
            loaded: dict[str, NDArray[np.generic]] = optional("safetensors.numpy").load_file(path)
            return loaded
        return read_torch(path)
    except UndegradeError:
        raise
    except Exception as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> ModelError:
    """The error for a file whose contents are not what its reader expects."""
    return ModelError(
        f"the weights {str(path)!r} cannot be read: {first_line(error)}", "fetch the file again"
    )


def _folders() -> Iterator[Path]:
    if folder := os.environ.get(ENVIRONMENT):
        if not Path(folder).is_dir():
            raise ModelError(
                f"{ENVIRONMENT} = {folder!r} is not a folder", "set it right or unset it"
            )
        yield Path(folder)
    yield cache_folder()


def download(file: File, folder: Path) -> Path:
    """Fetch *file* into *folder*; it appears there whole and checked, or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=folder) as temporary,
            urllib.request.urlopen(file.url, timeout=60) as response,
        ):
            part, digest = Path(temporary) / file.name, hashlib.sha256()
            with part.open("wb") as target:
                while chunk := response.read(1 << 20):
                    digest.update(chunk)
                    target.write(chunk)
            _check(file, digest.hexdigest(), file.url)
            return part.replace(folder / file.name)
    except (OSError, HTTPException) as error:
        raise ModelError(
            f"the weights {file.name!r} cannot be downloaded from {file.url}: {error}",
            f"put the file into {str(folder)!r} or into the folder that {ENVIRONMENT} names",
        ) from None


def keep(data: bytes, place: Path) -> None:
    """Write what was built, whole, or not at all where the place cannot be written to."""
    # Not above: metrics that need no weights need no Pillow.
    from undegrade.picture import write_atomic

    with contextlib.suppress(OutputError):
        write_atomic(place, data)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(file: File, digest: str, place: str) -> None:
    if not digest.startswith(file.sha256):
        raise ModelError(
            f"the weights {place} are damaged or not {file.name!r}: sha256 {digest[:16]}... "
            f"instead of {file.sha256[:16]}...",
            "remove the file and fetch it again",
        )
