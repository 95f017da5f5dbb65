"""HTML and SVG out of Python, where everything that is not markup yet is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any, TypeAlias


class Markup(str):
    """Text that is markup already; only this module makes it."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | Iterable[str | Markup] | None"
"""Text (escaped), markup (kept), several of them, or nothing."""

Attribute: TypeAlias = "str | float | bool | None"
"""True writes the bare name; False and None leave it out."""

_VOID = frozenset({"br", "col", "hr", "img", "input", "meta"})


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element. ``class_`` and ``aria_label`` become ``class`` and ``aria-label``.

    >>> tag("td", "a < b", class_="best")
    '<td class="best">a &lt; b</td>'
    """
    parts = [name]
    for key, value in attributes.items():
        written = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(written)
        elif value is not None and value is not False:
            parts.append(f'{written}="{escape(_plain(value))}"')
    head = f"<{' '.join(parts)}>"
    return Markup(head if name in _VOID else f"{head}{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Several pieces, one behind the other.

    >>> join("R", tag("sub", "2"))
    'R<sub>2</sub>'
    """
    return Markup("".join(_pieces(children)))


def json_block(identifier: str, data: Any) -> Markup:
    """*data* for scripts, as JSON that no string in it can break out of."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    # Inside <script> nothing is decoded, so the characters go as JSON's own escapes.
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json" id="{escape(identifier)}">{text}</script>')


def _pieces(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, str):
            yield escape(child, quote=False)
        else:
            yield from _pieces(child)


def _plain(value: str | float) -> str:
    """A number in the fewest characters that a drawing needs."""
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)
