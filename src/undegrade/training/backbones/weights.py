"""Published weights: what they are, where they lie, and that they are what they should be.

A file is looked for, in this order,

1. at the path that was given;
2. in the folder that the environment variable ``UNDEGRADE_BACKBONES`` names;
3. in the cache, the folder ``backbones`` beside the user's own models;
4. at its address, from which it goes into the cache.

A file with a published name is checked against its sha256, wherever it lies. There is no fifth
step: weights that cannot be had are a :class:`ModelError`, never a random network.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from undegrade.catalog import sha256, user_folder
from undegrade.errors import ModelError
from undegrade.training.backbones.published import WEIGHTS, File

ENVIRONMENT = "UNDEGRADE_BACKBONES"
"""Environment variable with a folder of weights."""


def cache_folder() -> Path:
    """Where downloads are kept: ``backbones`` beside the user's own models."""
    return user_folder().parent / "backbones"


def tensors(name: str, path: Path | None = None) -> dict[str, Tensor]:
    """The weights called *name* in float32, from *path* or by the order above."""
    return read(find(name, path))


def load(network: nn.Module, name: str, path: Path | None = None) -> None:
    """Fill *network* with the weights called *name*; every parameter must be there and fit.

    Only a classifier that the network does not have may be left over.
    """
    values = tensors(name, path)
    own = network.state_dict()
    if not any(key.startswith("classifier.") for key in own):
        values = {k: v for k, v in values.items() if not k.startswith("classifier.")}
    if odd := sorted(own.keys() ^ values.keys()):
        raise ModelError(
            f"the weights {name!r} do not fit: {len(odd)} parameters without a partner, "
            f"the first is {odd[0]!r}",
            "use the published file",
        )
    for key, value in values.items():
        if value.shape != own[key].shape:
            raise ModelError(
                f"the weights {name!r} do not fit: {key!r} is {tuple(value.shape)} "
                f"instead of {tuple(own[key].shape)}",
                "use the published file",
            )
    network.load_state_dict(values)


def find(name: str, path: Path | None = None) -> Path:
    """The checked file of the weights called *name*, downloaded if need be.

    A *path* comes first; its contents are checked if it has the name of a published file.
    """
    if name not in WEIGHTS:
        raise ModelError(
            f"there are no weights called {name!r}", f"choose one of: {', '.join(WEIGHTS)}"
        )
    files = WEIGHTS[name].files
    if path:
        if not path.is_file():
            raise ModelError(f"there is no file of weights {str(path)!r}", "check the path")
        for file in files:
            if path.name == file.name:
                _check(file, sha256(path), str(path))
        return path
    for folder in _folders():
        for file in files:
            path = folder / file.name
            if path.is_file():
                _check(file, sha256(path), str(path))
                return path
    for file in files:
        if file.url:
            return download(file, cache_folder())
    raise ModelError(
        f"the weights {name!r} ({files[0].name}) are on this machine in no known place",
        f"put the file into {str(cache_folder())!r} or into the folder that {ENVIRONMENT} names, "
        "or give its path",
    )


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


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` or ``.pth`` file, halves as float32; runs no code in it."""
    try:
        if path.suffix == ".safetensors":
            values = load_file(path)
        else:
            values = torch.load(path, map_location="cpu", weights_only=True)
        return {key: v.float() if v.is_floating_point() else v for key, v in values.items()}
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"the weights {str(path)!r} cannot be read: {reason}", "fetch the file again"
        ) from None


def _folders() -> Iterator[Path]:
    if folder := os.environ.get(ENVIRONMENT):
        if not Path(folder).is_dir():
            raise ModelError(
                f"{ENVIRONMENT} = {folder!r} is not a folder", "set it right or unset it"
            )
        yield Path(folder)
    yield cache_folder()


def _check(file: File, digest: str, place: str) -> None:
    if not digest.startswith(file.sha256):
        raise ModelError(
            f"the weights {place} are damaged or not {file.name!r}: sha256 {digest[:16]}... "
            f"instead of {file.sha256[:16]}...",
            "remove the file and fetch it again",
        )
