"""The model card: what is known of a network, and what its step may touch."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undegrade.errors import ModelError
from undegrade.imaging.noise_levels import NOISE

ENHANCING = ("restore", "sr", "lowlight", "fade", "phone")
"""Tasks of networks that make a picture out of a picture."""
CARD_TASKS = (*ENHANCING, "diagnose", "compare")
CARD_EFFORTS = ("normal", "fast")
TRAITS = ("grain",)
"""Levels that say of what kind the damage is, not how much: no strength multiplies them."""
LEVELS = ("noise", "jpeg", *NOISE, *TRAITS, "lift")
"""What a network that enhances may be told. ``noise`` is that of white noise as a whole; networks
that tell luma from chroma have the six. ``lift``, how far shadows are to be lit, is no damage."""
COLOUR_LOCKED = ("restore", "sr")
"""Tasks that give back what was lost; the others change light and tone by nature."""


@dataclass(frozen=True)
class Score:
    """One measured number, with what is needed to measure it again."""

    protocol: str
    """Set, damage, channel, crop and rounding in one line."""
    metric: str
    value: float
    input: float | None
    """The same metric for the network's input (or its bicubic enlargement), where it has one."""
    n: int
    """Number of images."""
    bound: float | None = None
    """What it must keep to: the most, or for shares of photos and gains the least."""


@dataclass(frozen=True)
class Card:
    """A network's card, read from TOML."""

    name: str
    """How the command line and Python call it."""
    task: str
    """One of ``CARD_TASKS``."""
    file: str
    """Name of the ONNX file beside the card."""
    sha256: str
    """Of that file; empty for a user's own file without a card."""
    scale: int = 1
    """Output pixels per input pixel along a side."""
    radius: int = 32
    """Receptive radius in input pixels: how far a pixel of the input reaches in the output."""
    exact: bool = True
    """Whether the radius is proven, so that tiles equal the whole; else tiles may show seams."""
    multiple: int = 1
    """Sides of the network's input must be multiples of this."""
    thumbnail: int = 0
    """Side of the thumbnail of the whole picture that it sees beside each tile; 0 for none."""
    levels: tuple[str, ...] = ()
    """Meaning of the ``level`` input's channels, from ``LEVELS``; empty for a blind network. Of one
    that diagnoses the quantities that it reads: a mean for each, then a log-variance for each."""
    crop: int = 0
    """Side in pixels of the crops that a network reads which diagnoses."""
    summary: str = ""
    """What it is for, in one sentence."""
    variant: str = "faithful"
    """``faithful`` (trained for distortion) or ``vivid`` (adversarially)."""
    vivid: str = ""
    """Name of the ONNX file beside the card with the vivid weights of the same graph; where it is
    empty, those of the model ``NAME-vivid`` beside it are taken, if there is one."""
    int8: str = ""
    """Name of the ONNX file beside the card with the same network in 8 bit; empty for none."""
    int8_sha256: str = ""
    """Of that file."""
    int8_loss_db: float = 0.0
    """PSNR that it loses on training photos held out, in dB: the worst of all kinds of damage."""
    int8_seconds_per_megapixel: float = 0.0
    """As ``seconds_per_megapixel``; measured by ``benchmarks/int8.py``."""
    int8_bytes_per_pixel: int = 0
    """As ``bytes_per_pixel``, which it is at most. Where it is 0 that one holds in 8 bit, too: for
    networks that gain nothing by the larger tiles that less memory means."""
    effort: str = "normal"
    """``fast`` for a smaller network that the effort ``fast`` runs in place of the one whose name
    its own is, but for ``-fast`` at the end; it has the same task and scale."""
    recolours: bool = False
    """Whether it changes colours on purpose, though its task is one of ``COLOUR_LOCKED``."""
    parameters: int = 0
    gflop_per_megapixel: float = 0.0
    """Billions of multiply-adds times two, per megapixel of output."""
    bytes_per_pixel: int = 0
    """Working memory per pixel of a tile's input, measured by ``benchmarks/memory.py``; 0 where
    nobody has measured it, and then memory is estimated with caution, not promised."""
    seconds_per_megapixel: float = 0.0
    """Per megapixel of output on the machine named in ``machine``."""
    machine: str = ""
    licence: str = ""
    training_data: str = ""
    """Packs it was trained on, and their terms."""
    recipe: str = ""
    """Recipe, duration and commit that made it."""
    made_with: str = ""
    """Versions, seed and command of the run that made it."""
    measured_by: str = ""
    """The command that measured the scores."""
    scores: tuple[Score, ...] = ()

    def __post_init__(self) -> None:
        def refuse(what: str) -> None:
            raise ModelError(f"the card of model {self.name!r} {what}", "mend the card")

        if self.task not in CARD_TASKS:
            refuse(f"names the task {self.task!r}, which is not one of {', '.join(CARD_TASKS)}")
        if self.scale not in (1, 2, 3, 4, 8, 16):
            refuse(f"has scale {self.scale}; it must be 1, 2, 3, 4, 8 or 16")
        if self.radius < 0 or self.multiple < 1 or self.bytes_per_pixel < 0:
            refuse("has a negative radius or bytes_per_pixel, or a multiple below 1")
        if self.effort not in CARD_EFFORTS:
            refuse(f"names the effort {self.effort!r}; it must be {' or '.join(CARD_EFFORTS)}")
        unknown = [level for level in self.levels if level not in LEVELS]
        if unknown and self.enhances:
            refuse(f"names the level {unknown[0]!r}, which is not one of {', '.join(LEVELS)}")
        for which, file in ("", self.file), ("vivid ", self.vivid), ("int8 ", self.int8):
            if Path(file).name != file:
                refuse(f"names the {which}file {file!r}; it must lie beside the card")

    @property
    def enhances(self) -> bool:
        """Whether it makes a picture out of a picture."""
        return self.task in ENHANCING

    @property
    def damages(self) -> tuple[str, ...]:
        """What of its levels is damage, so that it has nothing to do where they are 0."""
        return tuple(level for level in self.levels if level not in (*TRAITS, "lift"))

    @property
    def colour_locked(self) -> bool:
        """Whether the local mean colour of the output is held to that of the input."""
        return self.task in COLOUR_LOCKED and not self.recolours

    def as_dict(self) -> dict[str, Any]:
        """The card as plain data, for JSON."""
        return dataclasses.asdict(self)


def parse_card(text: str, where: str) -> Card:
    """Read a card; raises :class:`ModelError` naming *where* and the key that is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{where} is not valid TOML: {error}", "mend the card") from None
    fields = {f.name: f for f in dataclasses.fields(Card)}
    for key, value in data.items():
        if key not in fields:
            raise ModelError(f"{where} holds the unknown key {key!r}", "remove it from the card")
        kind = str(fields[key].type)
        simple = {"int": int, "float": (int, float), "str": str, "bool": bool}
        expected: Any = simple.get(kind, list)
        if not isinstance(value, expected) or (isinstance(value, bool) and kind != "bool"):
            raise ModelError(f"{where}: {key} = {value!r} is not of type {kind}", "mend the card")
    try:
        data["levels"] = tuple(data.get("levels", ()))
        data["scores"] = tuple(Score(**({"input": None} | row)) for row in data.get("scores", ()))
        return Card(**data)
    except TypeError as error:
        raise ModelError(f"{where} is incomplete: {error}", "mend the card") from None


def write_card(card: Card) -> str:
    """The card as TOML, readable by :func:`parse_card`."""
    lines = [f"{k} = {_toml(v)}" for k, v in card.as_dict().items() if k != "scores"]
    for score in card.scores:
        lines += ["", "[[scores]]"]
        rows = dataclasses.asdict(score).items()
        lines += [f"{k} = {_toml(v)}" for k, v in rows if v is not None]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    # What JSON writes is TOML, but for numbers that are not finite.
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
