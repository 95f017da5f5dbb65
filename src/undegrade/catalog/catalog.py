"""Models by name: those that ship, and those that the user has added."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from undegrade.catalog.card import Card, parse_card, write_card
from undegrade.errors import ModelError
from undegrade.places import data_folder

BUNDLED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Model:
    """A card and where its weights lie."""

    card: Card
    path: Path


Variant = Callable[[Model], Model | None]


class Catalog:
    """The models at hand, read once.

    Who begins the work loads a catalogue and hands it on: cards are read when the first model is
    asked for, and no file is hashed twice. May be used from several threads.

    Parameters
    ----------
    folder: the user's own models; by default :func:`user_folder`.
    bundled: the models that ship.
    """

    def __init__(self, folder: Path | None = None, *, bundled: Path = BUNDLED) -> None:
        self.folder = folder or user_folder()
        self._bundled = bundled
        self._beside, self._hash = cache(_beside), cache(sha256)
        # By path: a user's card may hold what cannot be hashed.
        self._variants: dict[tuple[Variant, Path], Model | None] = {}

    @cached_property
    def models(self) -> Mapping[str, Model]:
        """All models by name; a user's model hides a bundled one of the same name.

        Raises :class:`ModelError` where a card is broken.
        """
        found: dict[str, Model] = {}
        for place in (self._bundled, self.folder):
            if place.is_dir():
                for path in sorted(place.glob("*.toml")):
                    model = _read(path)
                    found[model.card.name] = model
        return found

    @property
    def enhancing(self) -> dict[str, Model]:
        """Those that make a picture out of a picture."""
        return {name: model for name, model in self.models.items() if model.card.enhances}

    def find(self, name_or_file: str) -> Model:
        """The model called so, or that of an ONNX file with a card beside it.

        A file without one: :func:`undegrade.runtime.find_model`. Raises :class:`ModelError` where
        no such model or file is there, or its card is missing or broken.
        """
        if is_file_name(name_or_file):
            return self._beside(Path(name_or_file))
        if name_or_file not in self.models:
            names = ", ".join(sorted(self.models)) or "none"
            raise ModelError(
                f"no model is called {name_or_file!r}",
                f"choose one of: {names}; or give an .onnx file",
            )
        return self.models[name_or_file]

    def vivid_of(self, model: Model) -> Model | None:
        """As :func:`vivid_of`, looked up once."""
        return self._once(vivid_of, model)

    def restored_vivid_of(self, model: Model) -> Model | None:
        """As :func:`restored_vivid_of`, looked up once."""
        return self._once(restored_vivid_of, model)

    def fast_of(self, model: Model) -> Model | None:
        """As :func:`fast_of`, looked up once."""
        return self._once(fast_of, model)

    def _once(self, variant: Variant, model: Model) -> Model | None:
        if (variant, model.path) not in self._variants:
            self._variants[variant, model.path] = variant(model)
        return self._variants[variant, model.path]

    def sha256(self, model: Model) -> str:
        """The hash of the model's weights: what its card says, for no others are opened."""
        return model.card.sha256 or self._hash(model.path)


def user_folder() -> Path:
    """Where a user's own models are kept: ``$UNDEGRADE_HOME/models`` or the platform's place."""
    return data_folder("models")


def is_file_name(name_or_file: str) -> bool:
    """Whether this names an ONNX file, not a model of the catalogue."""
    return name_or_file.lower().endswith(".onnx")


def vivid_of(model: Model) -> Model | None:
    """The vivid variant of *model*, or ``None`` if it has none.

    That is the file which its card names, or else the model ``NAME-vivid`` in the same folder whose
    card calls it vivid. Raises :class:`ModelError` for a card that is broken or names no file.
    """
    if not model.card.vivid:
        variant = _sibling(model, "vivid")
    else:
        path = model.path.with_name(model.card.vivid)
        if not path.is_file():
            raise ModelError(
                f"the vivid weights of {model.card.name!r} are missing: there is no {path.name!r}",
                "mend its card, or use --detail 0",
            )
        beside = path.with_suffix(".toml")
        if not beside.is_file():
            card = replace(model.card, name=path.stem, file=path.name, sha256="", variant="vivid")
            return Model(card, path)
        variant = _read(beside)
    return variant if variant and variant.card.variant == "vivid" else None


def restored_vivid_of(model: Model) -> Model | None:
    """The vivid variant of *model* for a picture that has been restored.

    Of noise and blocks something is left, which weights that have learned from clean pictures draw
    sharper. It is the model ``NAME-vivid-restored`` in the same folder whose card calls it vivid,
    or else that of :func:`vivid_of`. Raises :class:`ModelError` as that does.
    """
    variant = _sibling(model, "vivid-restored")
    return variant if variant and variant.card.variant == "vivid" else vivid_of(model)


def fast_of(model: Model) -> Model | None:
    """The fast variant of *model*, or ``None`` if it has none that could stand in for it.

    That is the model ``NAME-fast`` in the same folder, if its card calls it fast and has the same
    task and scale. Raises :class:`ModelError` for a card that is broken.
    """
    fast, (task, scale) = _sibling(model, "fast"), (model.card.task, model.card.scale)
    if fast is None or (fast.card.effort, fast.card.task, fast.card.scale) != ("fast", task, scale):
        return None
    return fast if fast.path.is_file() else None


def _sibling(model: Model, ending: str) -> Model | None:
    """The model ``NAME-ending`` in the folder of *model*, if it is there."""
    beside = model.path.with_name(f"{model.card.name}-{ending}.toml")
    return _read(beside) if beside.is_file() else None


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


def add(model: Model, name: str | None = None, folder: Path | None = None) -> Model:
    """Copy a user's network and a card for it into the user's folder; returns the model there.

    Its vivid weights and those in 8 bit come along, if it has any. A catalogue that is already
    loaded does not know it. Raises :class:`ModelError`.
    """
    vivid, restored = vivid_of(model), restored_vivid_of(model)
    place = folder or user_folder()
    title = name or model.card.name
    if not title or not all(c.isalnum() or c in "-_." for c in title) or title.startswith("."):
        raise ModelError(
            f"{title!r} cannot be a model's name", "use letters, digits, '-', '_' and '.'"
        )
    card = replace(
        model.card,
        name=title,
        file=f"{title}.onnx",
        sha256=sha256(model.path),
        vivid=f"{title}-vivid.onnx" if vivid else "",
        int8=f"{title}-int8.onnx" if model.card.int8 else "",
    )
    try:
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.path, place / card.file)
        if vivid:
            shutil.copyfile(vivid.path, place / card.vivid)
        if restored and restored != vivid:
            file = f"{title}-vivid-restored.onnx"
            beside = replace(restored.card, name=file.removesuffix(".onnx"), file=file)
            shutil.copyfile(restored.path, place / file)
            (place / f"{beside.name}.toml").write_text(write_card(beside), encoding="utf-8")
        if card.int8:
            shutil.copyfile(model.path.with_name(model.card.int8), place / card.int8)
        (place / f"{title}.toml").write_text(write_card(card), encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"cannot add {title!r} to {place}: {error.strerror}", "check the folder's permissions"
        ) from None
    return Model(card, place / card.file)


def _beside(path: Path) -> Model:
    """The model of an ONNX file, by the card beside it."""
    if not path.is_file():
        raise ModelError(f"there is no model file {str(path)!r}", "check the path")
    card = path.with_suffix(".toml")
    if not card.is_file():
        raise ModelError(f"{path.name} has no card", f"write {card.name} beside it")
    return Model(replace(_read(card).card, file=path.name), path)


def _read(path: Path) -> Model:
    """The model whose card is the file *path*."""
    try:
        card = parse_card(path.read_text(encoding="utf-8"), path.name)
        return Model(card, path.with_name(card.file))
    except OSError as error:
        raise ModelError(
            f"the card {str(path)!r} cannot be read: {error.strerror}", "check its permissions"
        ) from None


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
