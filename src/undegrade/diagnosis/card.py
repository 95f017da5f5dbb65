"""The card of the diagnosis network: what it reads, what it was made of, how well it reads."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from undegrade.diagnosis.units import CROP, QUANTITIES
from undegrade.errors import ModelError


@dataclass(frozen=True)
class Measure:
    """One measured number, and what it must keep to."""

    protocol: str
    """Set and damage in one line."""
    metric: str
    value: float
    bound: float
    """The most, or for shares of photos and gains the least, that it should be."""
    n: int
    """Number of photos."""


@dataclass(frozen=True)
class DiagnosisCard:
    """A TOML file beside the network."""

    file: str
    """Name of the ONNX file beside the card."""
    sha256: str
    quantities: tuple[str, ...] = QUANTITIES
    """Outputs of the network: a mean for each, then a log-variance for each."""
    crop: int = CROP
    """Side of its crops in pixels."""
    parameters: int = 0
    summary: str = ""
    licence: str = ""
    training_data: str = ""
    recipe: str = ""
    """Recipe, steps and minutes that made it."""
    measured_by: str = ""
    """The command that measured the scores."""
    scores: tuple[Measure, ...] = ()


def read_card(path: Path) -> DiagnosisCard:
    """Read a card; raises :class:`ModelError` naming what is wrong with it."""
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        data["quantities"] = tuple(data.get("quantities", ()))
        data["scores"] = tuple(Measure(**row) for row in data.get("scores", ()))
        card = DiagnosisCard(**data)
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        raise ModelError(f"the card {path.name} cannot be used: {error}", "mend it") from None
    if (card.quantities, card.crop) != (QUANTITIES, CROP):
        raise ModelError(
            f"the card {path.name} is of a network that reads {', '.join(card.quantities)} off "
            f"crops of {card.crop} pixels",
            f"export one that reads {', '.join(QUANTITIES)} off crops of {CROP}",
        )
    return card


def write_card(card: DiagnosisCard, path: Path) -> None:
    """Write *card* so that :func:`read_card` reads it."""
    table = asdict(card)
    rows = table.pop("scores")
    # Strings and lists of JSON are those of TOML.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    for row in rows:
        lines += ["", "[[scores]]", *(f"{key} = {json.dumps(v)}" for key, v in row.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
