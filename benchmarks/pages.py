"""What benchmarks leave behind: tables in pages, results as JSON, and what cards say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from undegrade.catalog import Model, write_card


def renewed(text: str, name: str, body: str) -> str:
    """The *text* of a page with *body* between its comments *name* and */name*."""
    start, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    before, rest = text.split(start)
    _, after = rest.split(end)
    return before + start + body.rstrip("\n") + end + after


def renew(page: Path, name: str, body: str) -> None:
    """The same in the file *page*."""
    page.write_text(renewed(page.read_text(encoding="utf-8"), name, body), encoding="utf-8")


def stored(path: Path) -> dict[str, Any]:
    """What lies in the JSON at *path*, if it is there."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return known


def keep(path: Path, measured: Mapping[str, Any]) -> None:
    """Put what was *measured* into the JSON at *path*, beside what is there."""
    path.write_text(json.dumps({**stored(path), **measured}, indent=1) + "\n")


def change_card(model: Model, **fields: Any) -> None:
    """Write the card of *model* with other *fields*."""
    card = replace(model.card, **fields)
    model.path.with_suffix(".toml").write_text(write_card(card), encoding="utf-8")
