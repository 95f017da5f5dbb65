"""Models by name: those that ship, and those that the user has added."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from undegrade.catalog.card import Card, parse_card, write_card
from undegrade.errors import ModelError

BUNDLED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Model:
    """A card and where its weights lie."""

    card: Card
    path: Path


def user_folder() -> Path:
    """Where a user's own models are kept: ``$UNDEGRADE_HOME/models`` or the platform's place."""
    if home := os.environ.get("UNDEGRADE_HOME"):
        return Path(home) / "models"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "undegrade" / "models"


def models(folder: Path | None = None) -> dict[str, Model]:
    """All known models by name; a user's model hides a bundled one of the same name."""
    found: dict[str, Model] = {}
    for place in (BUNDLED, folder or user_folder()):
        if place.is_dir():
            for path in sorted(place.glob("*.toml")):
                card = parse_card(path.read_text(encoding="utf-8"), path.name)
                found[card.name] = Model(card, path.with_name(card.file))
    return found


def find(name_or_file: str, folder: Path | None = None) -> Model:
    """The model called so, or the user's own ONNX file at that path.

    A file with a card of the same name beside it (``net.onnx``, ``net.toml``) takes what the card
    says; one without is probed. Raises :class:`ModelError`.
    """
    if name_or_file.lower().endswith(".onnx"):
        return from_file(Path(name_or_file))
    known = models(folder)
    if name_or_file not in known:
        names = ", ".join(sorted(known)) or "none"
        raise ModelError(
            f"no model is called {name_or_file!r}", f"choose one of: {names}; or give an .onnx file"
        )
    return known[name_or_file]


def for_task(task: str, scale: int, folder: Path | None = None) -> Model:
    """The model that ships for *task* at *scale*."""
    name = task if scale == 1 else f"{task}-x{scale}"
    return find(name, folder)


def from_file(path: Path) -> Model:
    """A user's own ONNX file, with its card if one lies beside it."""
    if not path.is_file():
        raise ModelError(f"there is no model file {str(path)!r}", "check the path")
    beside = path.with_suffix(".toml")
    if beside.is_file():
        card = parse_card(beside.read_text(encoding="utf-8"), beside.name)
        return Model(replace(card, file=path.name), path)
    from undegrade.catalog.probe import probe

    return Model(probe(path), path)


def vivid_of(model: Model) -> Model | None:
    """The vivid variant of *model*, or ``None`` if it has none.

    That is the file which its card names, or else the model ``NAME-vivid`` in the same folder whose
    card calls it vivid. Raises :class:`ModelError` for a card that is broken or names no file.
    """
    path = model.path.with_name(model.card.vivid or f"{model.card.name}-vivid.onnx")
    beside = path.with_suffix(".toml")
    if model.card.vivid:
        if not path.is_file():
            raise ModelError(
                f"the vivid weights of {model.card.name!r} are missing: there is no {path.name!r}",
                "mend its card, or use --detail 0",
            )
        if not beside.is_file():
            card = replace(model.card, name=path.stem, file=path.name, sha256="", variant="vivid")
            return Model(card, path)
    if not beside.is_file():
        return None
    card = parse_card(beside.read_text(encoding="utf-8"), beside.name)
    return Model(card, path.with_name(card.file)) if card.variant == "vivid" else None


def sha256(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_weights(model: Model) -> bytes:
    """The bytes of the network, after checking them against the card; raises ModelError."""
    return _read_checked(model.path, model.card.sha256, f"weights of {model.card.name!r}")


def read_int8(model: Model) -> bytes:
    """As :func:`read_weights`, those of the network in 8 bit, which its card must name."""
    path = model.path.with_name(model.card.int8)
    return _read_checked(path, model.card.int8_sha256, f"int8 weights of {model.card.name!r}")


def _read_checked(path: Path, expected: str, what: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"the {what} cannot be read: {error.strerror}",
            "install undegrade again, or add the model again",
        ) from None
    actual = hashlib.sha256(data).hexdigest()
    if expected and actual != expected:
        raise ModelError(
            f"the {what} are damaged: sha256 {actual[:16]}... instead of {expected[:16]}...",
            "install undegrade again, or add the model again",
        )
    return data


def add(path: Path, name: str | None = None, folder: Path | None = None) -> Model:
    """Copy a user's ONNX file and a card for it into the user's folder; returns the model.

    Its vivid weights and those in 8 bit come along, if it has any.
    """
    model = from_file(path)
    vivid = vivid_of(model)
    place = folder or user_folder()
    title = name or model.card.name
    if not title or not all(c.isalnum() or c in "-_." for c in title) or title.startswith("."):
        raise ModelError(
            f"{title!r} cannot be a model's name", "use letters, digits, '-', '_' and '.'"
        )
    card = replace(model.card, name=title, file=f"{title}.onnx", sha256=sha256(path))
    card = replace(
        card,
        vivid=f"{title}-vivid.onnx" if vivid else "",
        int8=f"{title}-int8.onnx" if card.int8 else "",
    )
    try:
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place / card.file)
        if vivid:
            shutil.copyfile(vivid.path, place / card.vivid)
        if card.int8:
            shutil.copyfile(path.with_name(model.card.int8), place / card.int8)
        (place / f"{title}.toml").write_text(write_card(card), encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"cannot add {title!r} to {place}: {error.strerror}", "check the folder's permissions"
        ) from None
    return Model(card, place / card.file)
