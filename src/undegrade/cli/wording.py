"""Findings and plans in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undegrade.diagnosis import Diagnosis
    from undegrade.plan import Step

CHANGES = {
    "noise": ("noise", 1),
    "jpeg": ("JPEG quality", 0),
    "blur": ("blur", 1),
    "exposure": ("exposure", 1),
    "red_green": ("red-green cast", 0),
    "yellow_blue": ("yellow-blue cast", 0),
    "flatness": ("lightness spread", 0),
}
"""How before and after of a finding are called, and with how many digits they are shown."""


def show(path: Path) -> str:
    """A file's name on one line; quoted only where it holds what cannot be shown."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def describe_found(found: Diagnosis) -> str:
    """What was found, in one line."""
    return ", ".join(found.words) or "nothing lost"


def describe_steps(steps: Sequence[Step]) -> str:
    """What is going to be done, in one line."""
    if not steps:
        return "nothing to do: the photo is left as it is"
    return ", then ".join(f"{step.model.card.name} ({step.reason})" for step in steps)


def describe_report(report: dict[str, Any]) -> str:
    """What a finished photo's report says was done and what came of it, in one line."""
    done = ", then ".join(f"{step['model']} ({step['reason']})" for step in report["steps"])
    changes = describe_changes(report["found"], report["left"])
    return f"{done}; {changes}" if changes else done


def describe_changes(found: dict[str, Any], left: dict[str, Any]) -> str:
    """Before and after of what was found, as ``noise 25.2 -> 1.0``; nothing where it is unknown."""
    return ", ".join(
        f"{name} {found[key]['value']:.{digits}f} -> {left[key]['value']:.{digits}f}"
        for key, (name, digits) in CHANGES.items()
        if found[key]["found"] and left[key]["uncertainty"] is not None
    )


def plural(count: int, noun: str) -> str:
    """``1 photo``, ``2 photos``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
