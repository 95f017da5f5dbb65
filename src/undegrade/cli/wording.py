"""Findings and plans in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undegrade.levels import Levels
    from undegrade.plan import Step


def show(path: Path) -> str:
    """A file's name on one line; quoted only where it holds what cannot be shown."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def describe_levels(levels: Levels) -> str:
    """What was found, in one line."""
    parts = [f"noise sigma {levels.sigma:.1f}"]
    if levels.quality is not None:
        parts.append(f"JPEG quality {levels.quality:.0f}")
    return ", ".join(parts)


def describe_steps(steps: Sequence[Step]) -> str:
    """What is going to be done, in one line."""
    if not steps:
        return "nothing to do: the photo is left as it is"
    return ", then ".join(f"{step.model.card.name} ({step.reason})" for step in steps)


def describe_report(report: dict[str, object]) -> str:
    """What a finished photo's report says was done, in one line."""
    steps = report.get("steps")
    assert isinstance(steps, list)
    return ", then ".join(f"{step['model']} ({step['reason']})" for step in steps)


def plural(count: int, noun: str) -> str:
    """``1 photo``, ``2 photos``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
