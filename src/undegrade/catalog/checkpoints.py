"""Weights that training may begin with, by name: a ``.safetensors`` file and a card beside it.

They are no models of the catalogue, for nothing runs them. They lie in a folder, on this machine or
behind an address, from which :func:`fetch` brings them into the user's own.
"""

from __future__ import annotations

import hashlib
import urllib.request
from http.client import HTTPException
from pathlib import Path

from undegrade.catalog.card import Card, parse_card
from undegrade.catalog.catalog import user_folder
from undegrade.errors import ModelError
from undegrade.picture import write_atomic

SOURCE = str(Path(__file__).parents[3] / "checkpoints")
"""The folder of the repository, where the package is run from it."""


def home() -> Path:
    """Where fetched weights are kept."""
    return user_folder().with_name("checkpoints")


def find(name: str) -> Path:
    """The weights called *name* that were fetched; raises :class:`ModelError` if there are none."""
    path = home() / f"{name}.safetensors"
    if not path.is_file():
        raise ModelError(
            f"there is no file {name!r}, and no weights called so were fetched",
            f"give a checkpoint or an .onnx file, or `undegrade models fetch {name}`",
        )
    return path


def fetch(name: str, source: str = SOURCE) -> tuple[Card, Path]:
    """Bring the weights called *name* from *source*, a folder or an address, and check them.

    They appear whole and as their card says, or not at all: raises :class:`ModelError` if they
    cannot be had or are something else, :class:`OutputError` if they cannot be kept.
    """
    text = _read(source, f"{name}.toml")
    card = parse_card(text.decode("utf-8", "replace"), f"{source}/{name}.toml")
    file = f"{name}.safetensors"
    data = _read(source, file)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelError(f"{source}/{file} is not what its card says", "fetch it again")
    write_atomic(home() / file, data)
    write_atomic(home() / f"{name}.toml", text)
    return card, home() / file


def _read(source: str, file: str) -> bytes:
    try:
        if source.startswith(("https://", "http://")):
            with urllib.request.urlopen(f"{source.rstrip('/')}/{file}", timeout=60) as response:
                found: bytes = response.read()
                return found
        return (Path(source) / file).read_bytes()
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"cannot fetch {file} from {source}: {reason}", "name a folder or address with --from"
        ) from None
